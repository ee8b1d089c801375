"""`fab dataset-get` and `fab dataset-put` as a user types them, where no host is needed: what bad input gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.get.foreign import refuse_foreign
from datasets.messages import Failure
from provision.catalogue.recipes import Recipes
from provision.model.errors import BadInput
from provision.tasks.datasets import FOREIGN, check_unpacked, name_from
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
    check_unpacked("t.7z", keep=True)


REFUSED = """
t.7z t.7z.001 t.RAR t.part1.rar t.r00 t.cab t.iso t.lzh t.lha t.arj t.ace t.alz t.egg t.dmg t.sit t.sitx t.wim t.cpio
t.xar t.zipx t.lz t.lz4 t.csv.lz4 t.lzma t.lzo t.tar.lz t.tar.lz4 t.tar.lzma t.tar.lzo t.tar.br t.tar.sz t.tlz t.tzo
"""
TAKEN = """t.zip t.zip.001 t.z01 t.tar t.tgz t.tb2 t.tz2 t.tar.zst t.csv.gz t.csv t.7z.txt t.part1 t7z car r00"""


def test_laptop_and_host_refuse_the_same_archives() -> None:
    for name in REFUSED.split():
        with pytest.raises(BadInput, match="such an archive is not unpacked there"):
            check_unpacked(name, keep=False)
        with pytest.raises(Failure, match="such an archive is not unpacked here"):
            refuse_foreign([name])
    for name in TAKEN.split():
        check_unpacked(name, keep=False)
        refuse_foreign([name])


def test_the_host_gets_the_list_that_the_laptop_asks() -> None:
    recipe = Recipes().recipes["datasets"]
    assert FOREIGN.read_text(encoding="ascii").split()
    sent = [recipe.folder / file.template for folder in recipe.folders for file in folder.files(recipe.folder)]
    assert FOREIGN in sent


@pytest.mark.parametrize("word", ["klingon", "hex", "a\x1b[31m"])
def test_letters_that_nobody_knows_are_refused(tmp_path: Path, word: str) -> None:
    said = refused(tmp_path, "dataset-get", "https://host.example/t.zip", "--names", word)
    assert "there is no such encoding" in said
    assert "\x1b" not in said
