"""Which rsync is used: one that does what is asked of it, and no other, with a word about why."""

from __future__ import annotations

import os
import shutil
import types
from pathlib import Path
from typing import Any

import pytest

from provision.model import laptop
from provision.model.host import Host
from provision.screen.progress import PlainView
from provision.work import rsync
from tests.kit.laptop import OPENRSYNC
from tests.kit.programs import write_program

# As 2.6.9 of Apple has it, and what Homebrew and Debian bring.
APPLES = 'echo "rsync  version 2.6.9  protocol version 29"; [ "$1" = --version ] || exit 1'
NEW = 'if [ "$1" = --version ]; then echo "rsync  version 3.4.1  protocol version 32"; else echo "<f+++ 5 a.txt"; fi'


def sent(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int] | None, list[str]]:
    """Send one file by a program; returns what came of it, and what the user was told."""
    write_program(folder / "bin" / "rsync", script)
    (folder / "bin" / "brew").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:/bin")
    told: list[str] = []
    host = Host(name="desk", address="192.0.2.7", user="me")
    session: Any = types.SimpleNamespace(
        host=host, tell=told.append, connection=types.SimpleNamespace(connect_kwargs={})
    )
    return rsync.send(session, folder, "/jobs/work/x", ["a.txt"], PlainView()), told


@pytest.mark.parametrize(("script", "is_"), [(OPENRSYNC, "openrsync: protocol version 29"), (APPLES, "version 2.6.9")])
def test_an_old_one_is_not_asked_to_send_and_the_user_hears_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, is_: str
) -> None:
    asked = f'echo "$*" >>{tmp_path}/asked\n'
    sizes, told = sent(tmp_path, asked + script, monkeypatch)
    assert sizes is None
    assert (tmp_path / "asked").read_text() == "--version\n"
    (line,) = told
    assert is_ in line
    assert "going on by SFTP" in line


def test_a_new_one_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent(tmp_path, NEW, monkeypatch) == ([5], [])


# An ssh whose host is this machine: the words after the address are the command.
HERE = 'while [ $# -gt 0 ] && [ "$1" != 192.0.2.7 ]; do shift; done; shift; exec "$@"'


@pytest.mark.skipif(shutil.which("rsync") is None, reason="there is no rsync on this machine")
def test_what_rsync_says_of_files_and_links_is_what_counts_as_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(tmp_path / "bin" / "ssh", HERE)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "sub").mkdir(parents=True)
    there.mkdir()
    (here / "a.txt").write_text("12345")
    (here / "sub" / "new\nline").write_text("1")
    (here / "latest").symlink_to("a.txt")
    (here / "folder").symlink_to("sub")
    names = ["a.txt", "sub/new\nline", "latest", "folder"]
    host = Host(name="desk", address="192.0.2.7", user="me")
    session: Any = types.SimpleNamespace(host=host, connection=types.SimpleNamespace(connect_kwargs={}), tell=print)

    def counted() -> list[int]:
        return sorted(rsync.send(session, here, str(there), names, PlainView()) or [])

    assert counted() == [0, 0, 1, 5]
    assert (there / "folder").readlink() == Path("sub")
    assert counted() == []
    (here / "latest").unlink()
    (here / "latest").symlink_to("sub")
    (here / "a.txt").write_text("123456")
    assert counted() == [0, 6]
    (here / "a.txt").chmod(0o600)
    assert counted() == [], "its permissions alone"


def test_on_windows_none_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laptop, "WINDOWS", True)
    assert sent(tmp_path, NEW, monkeypatch) == (None, [])
