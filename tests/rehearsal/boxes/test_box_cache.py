"""What is kept between rehearsals goes when none has used it for 60 days, and never while one uses it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from rehearsal.boxes import cache, debs

if TYPE_CHECKING:
    from pathlib import Path

USE = """
import sys
from pathlib import Path
from rehearsal.boxes import cache
from rehearsal.locks import locked
with locked(cache.building("ubuntu-22.04")):
    cache.use(Path(sys.argv[1]))
print("used", flush=True)
sys.stdin.read()
"""
STATUS = """\
Package: hello
Status: install ok installed
Priority: optional
Maintainer: somebody
Architecture: amd64
Version: 1:2.10-2+b1
Description: greets
 in many words

Package: tzdata
Status: install ok installed
Architecture: all
Multi-Arch: foreign
Source: timezones
Version: 2026a-0
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this user's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "gpurig" / "roots").mkdir(parents=True)
    return tmp_path / "cache" / "gpurig"


def make_root(kept: Path, name: str) -> Path:
    root = kept / "roots" / name
    (root / "etc").mkdir(parents=True)
    return root


def put(path: Path, *, days: float) -> Path:
    """Make a file, last used so long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    age(path, days)
    return path


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def test_root_file_systems_go_60_days_after_their_last_use(kept: Path) -> None:
    old, recent, unmarked = (make_root(kept, f"ubuntu-22.04-{digest}") for digest in ("0a", "0b", "0c"))
    put(kept / "roots" / "ubuntu-22.04-0a.used", days=61)
    put(kept / "roots" / "ubuntu-22.04-0b.used", days=59)
    age(old, 400)
    age(recent, 400)
    age(unmarked, 61)
    young = make_root(kept, "debian-12-0d")
    cache.prune()
    assert [root.is_dir() for root in (old, recent, unmarked, young)] == [False, True, False, True]
    assert sorted(path.name for path in (kept / "roots").iterdir() if not path.name.endswith(".lock")) == [
        "debian-12-0d",
        "ubuntu-22.04-0b",
        "ubuntu-22.04-0b.used",
    ]


def test_root_file_system_in_use_stays_however_long_it_is_used(kept: Path) -> None:
    root = make_root(kept, "ubuntu-22.04-0a")
    command = [sys.executable, "-c", USE, str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "used\n"
        mark = kept / "roots" / "ubuntu-22.04-0a.used"
        assert time.time() - mark.stat().st_mtime < 60
        age(mark, 400)
        cache.prune()
        assert root.is_dir()
        user.kill()
    cache.prune()
    assert not root.exists()


def test_packages_go_60_days_after_the_last_box_that_installed_them(kept: Path, tmp_path: Path) -> None:
    names = (
        "hello_1%3a2.10-2+b1_amd64.deb",
        "tzdata_2026a-0_all.deb",
        "hello_1%3a2.09-1_amd64.deb",
        "cuda_11_amd64.deb",
    )
    packages = [put(kept / "debs" / "ubuntu-22.04" / name, days=61) for name in names]
    debs.lend("ubuntu-22.04", tmp_path / "box")
    (tmp_path / "box/var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "box/var/lib/dpkg/status").write_text(STATUS)
    debs.collect("ubuntu-22.04", tmp_path / "box")
    cache.prune()
    assert [package.exists() for package in packages] == [True, True, False, False]


def test_package_is_as_old_as_its_download_whatever_its_archive_says(kept: Path, tmp_path: Path) -> None:
    put(tmp_path / "box/var/cache/apt/archives/gzip_1.10_amd64.deb", days=900)
    debs.collect("ubuntu-22.04", tmp_path / "box")
    cache.prune()
    assert (kept / "debs/ubuntu-22.04/gzip_1.10_amd64.deb").exists()


def test_pips_own_cache_goes_60_days_after_it_was_written(kept: Path) -> None:
    old, recent = put(kept / "pip/http-v2/a/old", days=61), put(kept / "pip/http-v2/a/recent", days=59)
    cache.prune()
    assert [old.exists(), recent.exists()] == [False, True]


def test_cache_that_is_not_there_yet_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache.prune()
    assert list(tmp_path.iterdir()) == []
