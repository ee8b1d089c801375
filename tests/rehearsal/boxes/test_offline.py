"""A folder in place of the network: its root file systems are unpacked whole, or refused with their names."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from rehearsal.boxes import roots
from rehearsal.errors import RehearsalError
from rehearsal.gpu.offline import root_in

ROOT = roots.named("ubuntu-24.04")


def archive(folder: Path) -> Path:
    """Write a root file system of one file, as the folder has them."""
    (folder / "tree" / "etc").mkdir(parents=True)
    (folder / "tree" / "etc" / "hostname").write_text("box\n" * 10_000)
    (folder / "roots").mkdir()
    path = folder / "roots" / "ubuntu-24.04.tar.xz"
    with tarfile.open(path, "w:xz") as tar:
        tar.add(folder / "tree", arcname=".")
    return path


def test_a_root_is_unpacked_also_where_a_run_before_was_cut_off(tmp_path: Path) -> None:
    archive(tmp_path)
    left = tmp_path / "state" / "roots" / "ubuntu-24.04.part" / "half"
    left.mkdir(parents=True)
    found = root_in(tmp_path, ROOT, tmp_path / "state")
    assert (found.path / "etc" / "hostname").read_text().startswith("box\n")
    assert not (found.path / "half").exists()
    assert found.user == ROOT.user


def test_an_archive_that_is_cut_short_or_not_there_is_refused_by_name(tmp_path: Path) -> None:
    path = archive(tmp_path)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(RehearsalError, match=r"ubuntu-24\.04\.tar\.xz is no whole archive"):
        root_in(tmp_path, ROOT, tmp_path / "state")
    path.unlink()
    with pytest.raises(RehearsalError, match=r"has no roots/ubuntu-24\.04\.tar\.xz"):
        root_in(tmp_path, ROOT, tmp_path / "state")
