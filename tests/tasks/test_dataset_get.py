"""`fab dataset-get` and `fab dataset-put` as a user types them, where no host is needed: what bad input gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provision.tasks.datasets import name_from
from tests.kit.fab import refused

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://host.example/train.zip"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), ["there is no address to fetch from"]),
        (("ftp://host.example/x", "train.zip"), ["ftp://host.example/x: an address begins with", "train.zip: an"]),
        (("https://me:secret@host.example/x.zip",), ["host.example: a password in an address ends up in logs"]),
        ((URL, "--sums", "none.txt"), ["--sums none.txt", "sha256:DIGEST"]),
        ((URL, "--header", "secret"), ["--header, number 1: write 'NAME: VALUE'"]),
        ((URL, "--parallel", "0"), ["--parallel 0: write a number from 1 to 32"]),
        ((URL, "--name", "../x"), ["cannot be a data set's name"]),
    ],
)
def test_what_is_wrong_is_told_before_any_host_is_asked(
    tmp_path: Path, words: tuple[str, ...], told: list[str]
) -> None:
    said = refused(tmp_path, "dataset-get", *words)
    assert all(line in said for line in told), said
    assert "secret" not in said


def test_what_must_not_go_up_does_not(tmp_path: Path) -> None:
    empty, linked = tmp_path / "empty", tmp_path / "linked"
    empty.mkdir()
    linked.mkdir()
    (linked / "out").symlink_to("/etc/hostname")
    for path, told in (
        (tmp_path / "none", "no such"),
        (empty, "no file"),
        (linked, "lead out"),
        (tmp_path, "home folder"),
    ):
        assert told in refused(tmp_path, "dataset-put", str(path), HOME=str(tmp_path))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://host.example/a/train.zip.001?key=1", "train"),
        ("https://host.example/train.tar.gz.partaa", "train"),
        ("https://host.example/train.z01", "train"),
        ("https://host.example/my%20labels.csv", "my-labels"),
        ("s3://bucket/eyes/train/", "train"),
        ("s3://bucket", "bucket"),
        ("https://host.example/", "host.example"),
        ("eyes.tar.zst", "eyes"),
    ],
)
def test_a_data_set_is_named_after_its_first_file(address: str, name: str) -> None:
    assert name_from(address) == name
