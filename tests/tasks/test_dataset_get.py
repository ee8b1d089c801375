"""`fab dataset-get` and `fab dataset-put` as a user types them, where no host is needed: what bad input gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.get.foreign import FOREIGN
from provision.model.errors import BadInput
from provision.tasks.datasets import check_unpacked, name_from
from tests.kit.fab import refused


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


def test_an_archive_that_the_host_would_refuse_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "t.7z").write_bytes(b"x")
    assert "unpack it here and send the folder; --keep sends it as it is" in refused(tmp_path, "dataset-put", "t.7z")
    for name in ("t.7z", "t.7z.001", "t.RAR", "t.part1.rar", "t.iso", "t.tar.lz4"):
        assert FOREIGN.search(name), "the program on the host refuses it"
        with pytest.raises(BadInput):
            check_unpacked(name, keep=False)
        check_unpacked(name, keep=True)
    check_unpacked("t.zip", keep=False)


@pytest.mark.parametrize("word", ["klingon", "hex", "a\x1b[31m"])
def test_letters_that_nobody_knows_are_refused(tmp_path: Path, word: str) -> None:
    said = refused(tmp_path, "dataset-get", "https://host.example/t.zip", "--names", word)
    assert "there is no such encoding" in said
    assert "\x1b" not in said
