"""What `make dist` makes: the same bytes from the same files, nothing of the checkout's own, one version everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from gpurig import __version__
from tests.kit.fab import ROOT
from tests.release.wheel import Installed, built


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of the tree's own `make dist`, by their endings."""
    return {path.suffix: path for path in built(ROOT, tmp_path_factory.mktemp("dist"))}


@pytest.mark.life
def test_the_same_files_give_the_same_bytes_whatever_their_times_and_modes(
    dist: dict[str, Path], tmp_path: Path
) -> None:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        copy = tmp_path / "copy" / name
        if (ROOT / name).is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy)
            copy.chmod((ROOT / name).stat().st_mode & 0o700)
    again = {path.suffix: path for path in built(tmp_path / "copy", tmp_path / "dist")}
    assert set(again) == {".whl", ".gz"}
    for suffix, path in again.items():
        assert path.name == dist[suffix].name
        assert path.read_bytes() == dist[suffix].read_bytes(), path.name


def test_the_wheel_has_the_product_and_nothing_else(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "gpurig",
        "infra",
        "provision",
        f"gpurig-{__version__}.dist-info",
    }
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    carried = {name for name in names if name.startswith("gpurig/files/templates/")}
    folder = ROOT / "templates"
    ours = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert carried == {f"gpurig/files/templates/{path.as_posix()}" for path in ours}


@pytest.mark.life
def test_the_source_archive_can_be_built_from(dist: dict[str, Path], tmp_path: Path) -> None:
    shutil.unpack_archive(dist[".gz"], tmp_path)
    (again,) = built(tmp_path / f"gpurig-{__version__}", tmp_path / "dist", "wheel")
    assert again.read_bytes() == dist[".whl"].read_bytes()


def test_the_changelog_begins_with_the_version(installed: Installed) -> None:
    heading = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heading
    assert heading[1] == __version__
    assert installed.wheel.name == f"gpurig-{__version__}-py3-none-any.whl"
