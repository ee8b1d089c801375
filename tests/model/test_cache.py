"""What this machine may forget: in folders that are the user's alone, and read as what was looked at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision.model import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, where there is none yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return cache.folder()


def test_every_folder_of_it_is_the_users_alone(folder: Path) -> None:
    old = os.umask(0o002)
    try:
        cache.keep("kind", "name", "text")
    finally:
        os.umask(old)
    assert cache.read("kind", "name") == "text"
    assert [made.stat().st_mode & 0o777 for made in (folder, folder / "kind")] == [0o700, 0o700]


def test_where_others_may_put_another_folder_in_its_place_nothing_is_believed_or_kept(folder: Path) -> None:
    cache.keep("kind", "name", "text")
    folder.chmod(0o777)
    assert cache.read("kind", "name") is None
    cache.keep("kind", "other", "text")
    assert not (folder / "kind" / "other").exists()


def test_a_link_is_not_read_also_where_it_is_put_there_after_the_look(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.keep("kind", "name", "ours")
    cache.keep("kind", "other", "theirs")
    path, real = folder / "kind" / "name", Path.lstat

    def link() -> None:
        path.unlink()
        path.symlink_to(path.with_name("other"))

    def look(self: Path) -> os.stat_result:
        found = real(self)
        if self == path:
            link()
        return found

    monkeypatch.setattr(Path, "lstat", look)
    assert cache.read("kind", "name") != "theirs"
    link()
    assert cache.read("kind", "name") is None


def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(folder: Path) -> None:
    cache.keep("kind", "name", "text")
    (folder / "kind" / "name").unlink()
    os.mkfifo(folder / "kind" / "name", 0o600)
    assert cache.read("kind", "name") is None


def test_those_go_that_were_not_read_for_longest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 2)
    for number, name in enumerate(("read", "unread")):
        cache.keep("kind", name, "text")
        os.utime(folder / "kind" / name, (number, number))
    assert cache.read("kind", "read") == "text"
    cache.keep("kind", "new", "text")
    assert {path.name for path in (folder / "kind").iterdir()} == {"read", "new"}
