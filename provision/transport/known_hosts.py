"""The user's own known_hosts, read once however many hosts are asked about."""

from __future__ import annotations

import contextlib
import functools
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
from paramiko.hostkeys import HostKeyEntry, HostKeys, InvalidHostKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HASHED = "|1|"
"""How a name begins that is not to be read (ssh-keygen -H)."""
_LOCK = threading.Lock()


def name_of(address: str, port: int) -> str:
    """Return the name of a host in the file: its port stands there where it is another than 22."""
    return address if port == 22 else f"[{address}]:{port}"


def entries(name: str) -> Iterator[HostKeyEntry]:
    """Yield what the file has of a host, in its order: the first one's kind of key is asked for first.

    What is garbled is no entry, and of a kind of key the first one counts.
    """
    path = Path.home() / ".ssh" / "known_hosts"
    try:
        state = path.stat()
        with _LOCK:
            lines, plain, hashed = _read(path, state.st_mtime_ns, state.st_size)
    except OSError:
        return
    kinds = set()
    for number in sorted({*plain.get(name, ()), *(at for at, word in hashed if _is(name, word))}):
        found = entry(lines[number])
        if found is not None and found.key.get_name() not in kinds:
            kinds.add(found.key.get_name())
            yield found


def entry(line: str) -> HostKeyEntry | None:
    """Return the entry that a line is, None where it is garbled."""
    # Of a key whose base64 is right and whose body is not, those who read it say so by a ValueError.
    with contextlib.suppress(InvalidHostKey, paramiko.SSHException, ValueError):
        return HostKeyEntry.from_line(line)
    return None


def trust(client: paramiko.SSHClient, name: str, keys: Sequence[str] | None = None) -> None:
    """Tell a client which keys a host of that name may show; None: those that the file has."""
    found = entries(name) if keys is None else (entry(f"{name} {key}") for key in keys)
    for known in filter(None, found):
        client.get_host_keys().add(name, known.key.get_name(), known.key)


def _is(name: str, hashed: str) -> bool:
    """Tell whether a hashed name is this one."""
    with contextlib.suppress(ValueError, IndexError, AssertionError):  # what paramiko makes of one that is cut short
        return bool(HostKeys.hash_host(name, hashed) == hashed)
    return False


@functools.lru_cache(maxsize=1)
def _read(path: Path, *_: int) -> tuple[list[str], dict[str, list[int]], list[tuple[int, str]]]:
    """Return the lines, by which names in the open, and by which hashed ones."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    plain: dict[str, list[int]] = {}
    hashed = []
    for number, line in enumerate(lines):
        names = "" if line.startswith("#") else line.replace("\t", " ").partition(" ")[0]
        for name in filter(None, names.split(",")):
            if name.startswith(HASHED):
                hashed.append((number, name))
            else:
                plain.setdefault(name, []).append(number)
    return lines, plain, hashed
