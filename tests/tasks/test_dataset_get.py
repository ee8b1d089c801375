"""`fab dataset-get` and `fab dataset-put` as a user types them, where no host is needed: what bad input gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.tasks.datasets import name_from
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
