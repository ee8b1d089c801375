"""Bring files of a host to this machine, each whole, checked and once: what was cut off goes on where it was."""

from __future__ import annotations

import contextlib
import dataclasses
import posixpath
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.words import Kind
from provision.model import laptop
from provision.model.checks import RUN
from provision.model.digest import sha256
from provision.model.errors import BadInput, GpurigError
from provision.model.local_file import alone
from provision.transport import pipes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from provision.agent.wire.answers import File
    from provision.transport.session import Session

TRIES = 3
"""Looks at a file that is written while it is fetched."""


@dataclasses.dataclass(frozen=True)
class Fetched:
    """One file that is here, whole."""

    path: Path
    size: int
    """Bytes."""
    new: bool
    """Whether it had to be fetched now; False: it was here already."""
    kept: int = 0
    """Bytes that were here from a time before."""


class _Unreadable(GpurigError):
    """A file of the host that the account may not read."""


def fetch(session: Session, what: str, into: Path, *, watch: bool = False) -> Iterator[Fetched]:
    """Yield each file once it is in the folder `into`, its name there the one below the folder it comes from.

    `what`: a run's name, for what is below its results and, as `run.log`, its log; or a pattern of files below the
    mount point. `watch`: as they appear, until the run has ended (of a pattern: until no run goes on). A connection
    that drops is bridged. Raises `BadInput` where there is no such run or file, and `GpurigError` for a file that
    cannot be written here or, once all others have come, for those that cannot be read there.
    """
    what = _wanted(session, what)
    there: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    changed: set[str] = set()

    def attempt() -> Iterator[Fetched | None]:
        for event in session.ask({"verb": Verb.FILES, "what": what, "watch": watch, "parts": _parts(into)}):
            # Of a file whose last version, by its checksum, has come there may be told again.
            if event["event"] != Kind.FILE or there.get(event["goal"]) == event["sha256"]:
                continue
            yield None  # the host goes on answering, however often one large file is cut off
            try:
                file = _take(session, event, into)
            except _Unreadable as error:
                unreadable[event["path"]] = error.what
                continue
            if file is None:
                changed.add(event["goal"])
            else:
                changed.discard(event["goal"])
                there[event["goal"]] = event["sha256"]
                yield file

    for _ in range(TRIES):
        changed.clear()
        yield from filter(None, session.bridged(attempt))
        if not changed:
            break
    else:
        raise GpurigError(f"{what}: files change while they are fetched", hint="the same command, later")
    if unreadable:
        raise _all_unreadable(unreadable, session.connection.user)


def _all_unreadable(files: Mapping[str, str], user: str) -> GpurigError:
    """Return the error about files of the host that the account may not read: path → what was said of it."""
    folder = shlex.quote(posixpath.commonpath([PurePosixPath(path).parent for path in files]))
    hint = f"on the host: sudo chown -R {user}: {folder}; then the same command"
    return GpurigError("\n".join(files.values()), hint=hint)


def _wanted(session: Session, what: str) -> str:
    """Return a run's name or a pattern relative to the mount point. Raises `BadInput`."""
    if RUN.holds(what):
        return what
    place = session.mount_point
    path = PurePosixPath(what)
    if path.is_absolute() and place in path.parents:
        path = path.relative_to(place)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BadInput([f'"{what}" is no run\'s name and no pattern of files below {place}'], hint="fab ps lists runs")
    return str(path)


def _parts(into: Path) -> dict[str, int]:
    """Return the sizes of what is here in part, by the names of the whole files."""
    parts = {}
    for path in into.rglob(".*.part"):
        whole = path.name[1:-5]
        if whole in ("", ".", ".."):  # what is no name of a file was never fetched in part
            continue
        with contextlib.suppress(OSError):
            parts[path.with_name(whole).relative_to(into).as_posix()] = path.stat().st_size
    return parts


def _inside(into: Path, name: str) -> Path:
    """Return where a file goes. Raises `GpurigError` for a name that would put it anywhere but below `into`."""
    path = PurePosixPath(name)
    goal = into / path
    if path.is_absolute() or ".." in path.parts or not path.parts or into.resolve() not in goal.resolve().parents:
        raise GpurigError(f'the host names a file "{name}", which is not below {into}: not fetched')
    if laptop.cannot_be_named(name):
        hint = "another name on the host, or `fab fetch` in WSL"
        raise GpurigError(f'"{name}" of the host is no name that a file can have on Windows: not fetched', hint=hint)
    return goal


def _take(session: Session, event: File, into: Path) -> Fetched | None:
    """Fetch one file; None where it is another by now than the host has said."""
    goal = _inside(into, event["goal"])
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        with alone(goal.parent):
            if goal.is_file() and goal.stat().st_size == event["size"] and sha256(goal) == event["sha256"]:
                return Fetched(goal, event["size"], new=False)
            return _receive(session, event, goal)
    except OSError as error:
        raise GpurigError(f"{goal} cannot be written: {error}") from error


def _receive(session: Session, event: File, goal: Path) -> Fetched | None:
    """Fetch what is not here of a file, and give it its name once it is whole and its checksum right."""
    part = goal.with_name(f".{goal.name}.part")
    start = event["part"] if event["prefix"] and sha256(part, event["part"]) == event["prefix"] else 0
    with part.open("r+b" if start else "wb") as file:
        file.truncate(start)
        file.seek(start)
        try:
            for data in _pull(session, event, start):
                file.write(data)
        except _Unreadable:
            part.unlink()
            raise
    if sha256(part) != event["sha256"]:
        part.unlink()
        return None
    part.replace(goal)
    return Fetched(goal, event["size"], new=True, kept=start)


def _pull(session: Session, event: File, start: int) -> Iterator[bytes]:
    """Yield the bytes of a file on the host from `start` on, fewer where it is gone. Raises `Dropped`, `_Unreadable`.

    By two programs that every host has: what SFTP's reads ahead do in threads ends with a traceback when they are cut.
    """
    path = event["path"]
    read = f"exec <{shlex.quote(path)} && tail -c +{start + 1} | head -c {event['size'] - start}"
    try:
        yield from pipes.receive(session, read)
    except pipes.CommandFailed as error:
        if "No such file" not in error.what:
            raise _Unreadable(f"{path} on {session.host} cannot be read: {error.what}") from error
