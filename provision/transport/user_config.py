"""The user's own ~/.ssh/config: one line of it is ours, and the rest is never touched."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from provision.model import laptop
from provision.model.errors import BadInput
from provision.transport import ssh_config

NOTE = "# The boxes of gpurig, each stack's in a file of its own: fab ssh-config"
LEVELS = 16
"""How deep files may include each other (READCONF_MAX_DEPTH of OpenSSH's readconf.c)."""


def path() -> Path:
    """Return the user's ssh_config, there or not."""
    return Path.home() / ".ssh" / "config"


def line() -> str:
    """Return the line that has OpenSSH read our files. It asks the system, not $HOME, where the user is at home."""
    place = "~/.ssh/gpurig/*.conf" if _at_home() else f"{ssh_config.folder().as_posix()}/*.conf"
    return f'Include "{place}"' if " " in place else f"Include {place}"


def _at_home() -> bool:
    """Tell whether $HOME is where the system has the user's home; on Windows both go by the user's profile."""
    try:
        import pwd  # noqa: PLC0415 - Windows has none
    except ImportError:
        return True
    return str(Path.home()) == pwd.getpwuid(os.getuid()).pw_dir


def included() -> bool:
    """Tell whether OpenSSH reads our files for every host: by a line before the first entry."""
    for words in _lines(path()):
        if words[0].lower() in ("host", "match"):
            return False
        if words[0].lower() == "include" and any(_full(word) == ssh_config.folder() / "*.conf" for word in words[1:]):
            return True
    return False


def include() -> None:
    """Put our line at the top of the user's file: below an entry, it would count for that one alone."""
    text = path().read_bytes() if path().exists() else b""
    _replace(f"{NOTE}\n{line()}\n\n".encode() * (not included()) + text)


def exclude() -> bool:
    """Take our line out of the user's file again; returns whether it was there."""
    if not path().exists():
        return False
    text = path().read_bytes()
    ours = {NOTE.encode(), line().encode()}
    kept = [row for row in text.splitlines(keepends=True) if row.strip() not in ours]
    if len(kept) == len(text.splitlines()):
        return False
    if text.startswith(NOTE.encode()) and kept and not kept[0].strip():
        del kept[0]  # the empty line after ours
    _replace(b"".join(kept))
    return True


def names() -> set[str]:
    """Return the names that the user's own entries have, those of included files with them; no patterns."""
    found: set[str] = set()
    for words in _lines(path()):
        if words[0].lower() == "host":
            found.update(word for word in words[1:] if not set(word) & set("*?!"))
    return found


def _lines(file: Path, level: int = 0) -> list[list[str]]:
    """Return the words of each line that says something, an included file's in place of the line that includes it.

    Our own files are left out; a line that includes them stays.
    """
    try:
        rows = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[list[str]] = []
    for row in rows:
        words = _words(row)
        if not words:
            continue
        found.append(words)
        if words[0].lower() == "include" and level < LEVELS:
            for word in words[1:]:
                full = _full(word)
                if full.parent != ssh_config.folder():
                    for inner in sorted(Path(full.anchor).glob(str(full.relative_to(full.anchor)))):
                        found += _lines(inner, level + 1)
    return found


def _words(row: str) -> list[str]:
    """Return the words of a line: a keyword, blanks or one `=`, and its arguments, which may be quoted."""
    try:
        words = shlex.split(row.strip().replace("=", " ", 1) if "=" in row.partition(" ")[0] else row, comments=True)
    except ValueError:
        words = row.split()
    return words[:1] + words[2:] if words[1:2] == ["="] else words


def _full(word: str) -> Path:
    """Return the path that an Include means: a relative one is below ~/.ssh."""
    return path().parent / Path(word).expanduser()


def _replace(text: bytes) -> None:
    """Write the user's file anew in one move, with the mode that it has; a link stays one. Raises `BadInput`."""
    try:
        path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        goal = path().resolve()
        old = goal.stat() if goal.exists() else None
        part = goal.with_name(f".{goal.name}.gpurig.{os.getpid()}.part")
        part.touch(mode=0o600)
        part.write_bytes(text)
        if old:
            part.chmod(old.st_mode & 0o777)
            if not laptop.WINDOWS and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(part, old.st_uid, old.st_gid)
        part.replace(goal)
    except OSError as error:
        problem = f"{path()} cannot be written: {error.strerror}"
        raise BadInput([problem], hint=f"put this line at its top yourself: {line()}") from error
