"""Send a working folder to a host: by rsync where both have it, else by SFTP, with the same outcome."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import stat
import uuid
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import paramiko

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.model import laptop
from provision.model.errors import BadInput, GpurigError
from provision.model.words import amount, counted
from provision.work import rsync
from provision.work.worktree import held_in, ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from provision.screen.progress import View
    from provision.transport.session import Session
    from provision.work.worktree import Held

    There = Mapping[str, tuple[int, int, int, str]]
    """What the host has, as `answers.Tree` tells."""

RESULTS = "results/"


@dataclasses.dataclass(frozen=True)
class Sent:
    """What a `sync` did."""

    files: int
    """Files and links that had to be sent."""
    size: int
    """Their bytes."""
    deleted: int
    by: str
    """rsync or SFTP."""
    same: int
    """Files and links that were there already."""

    def __str__(self) -> str:
        """Return it as a user reads it."""
        deleted = f", {self.deleted} deleted" if self.deleted else ""
        sent = f"{counted(self.files, 'file')} sent by {self.by} ({amount(self.size)})"
        return f"{sent}, {self.same} were there already{deleted}"


def sync(session: Session, folder: Path, remote: str, out: View, *, delete: bool = False) -> Sent:
    """Make a folder of the host, below {mount_point}/work/, hold what `folder` holds and git does not ignore.

    Files that the host has beside those stay; `delete`: they go, but for those that git would ignore. The folder
    `results` is left alone on both sides: `fab fetch` fills it here, and a user's programs there. Raises `BadInput`
    for a folder that is none, or everything (/, the home folder), and for a goal outside that place.
    """
    _check(session, folder, remote)
    held = held_in(folder)
    _tell_absent(session, folder, held)
    names = [name for name in held.names if not name.startswith(RESULTS)]
    if not names:
        raise BadInput([f"there is nothing in {folder} to send: it is empty, or .gitignore names all that it holds"])
    if len(names) < len(held.names):
        session.tell(f"{folder / RESULTS} stays here: it is where `fab fetch` puts what comes from the host")
    # Of a submodule that is not here nobody knows what it holds.
    kept = (RESULTS, *(f"{name}/" for name in (*held.absent, *held.unnamed)))

    def deletes(extra: set[str]) -> set[str]:
        extra = {name for name in extra if delete and not name.startswith(kept)}
        return extra - ignored(folder, extra)

    return send(session, folder, remote, names, out, deletes=deletes)


def _tell_absent(session: Session, folder: Path, held: Held) -> None:
    """Name the repositories in a folder that are not there, each with the way to it."""
    folder = folder.resolve()
    for path in (folder / name for name in held.absent):
        # By its path: one link that .gitmodules does not name ends the command for all.
        start = next(parent for parent in path.parents if parent.is_dir())
        command = ["git", "-C", str(start), "submodule", "update", "--init", "--recursive", "--"]
        way = shlex.join([*command, path.relative_to(start).as_posix()])
        session.tell(f"{path} is a submodule that is not checked out: {way}")
    for name in held.unnamed:
        session.tell(f"{folder / name} is a link to a repository that .gitmodules does not name; clone it there")


def send(
    session: Session, folder: Path, remote: str, names: list[str], out: View, *, deletes: Callable[[set[str]], set[str]]
) -> Sent:
    """Make a folder of the host hold these files of `folder`; `deletes`: what to delete of those that it has more."""
    answer = session.answer({"verb": Verb.TREE, "path": remote}, answers.Tree)
    there = answer["files"]
    gone = sorted(deletes(there.keys() - set(names)))
    with _errors(session, folder):
        sftp = session.connection.sftp()
        _delete(sftp, remote, gone, there)
        sizes = rsync.send(session, folder, remote, names, out) if answer["rsync"] else None
        by = "rsync"
        if sizes is None:
            sizes, by = _Upload(sftp, folder, remote, there, out).send(names), "SFTP"
    return Sent(len(sizes), sum(sizes), len(gone), by, len(names) - len(sizes))


def _check(session: Session, folder: Path, remote: str) -> None:
    """Raise `BadInput` for what must not be sent or written."""
    problems = []
    if not folder.is_dir():
        problems.append(f"{folder}: there is no such folder")
    elif Path.home().resolve().is_relative_to(folder.resolve()):
        problems.append(f"{folder} holds your home folder; name the folder of one project")
    work, goal = session.mount_point / "work", PurePosixPath(remote)
    if ".." in goal.parts or work not in goal.parents:
        problems.append(f"{remote}: a synced folder is below {work}")
    if problems:
        raise BadInput(problems)


@contextlib.contextmanager
def _errors(session: Session, folder: Path) -> Any:
    """Make what goes wrong on the way one error."""
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        why = str(error) or type(error).__name__
        hint = "the same command sends what is missing"
        raise GpurigError(f"{folder} did not arrive whole on {session.host}: {why}", hint=hint) from error


def _delete(sftp: Any, remote: str, names: Iterable[str], there: There) -> None:
    """Delete files of the host, and the folders that become empty by it."""
    folders: set[str] = set()
    for name in names:
        try:
            sftp.remove(_path(remote, name))
        except OSError as error:
            raise OSError(f"{remote}/{name} cannot be deleted: {error}") from error
        folders.update(str(parent) for parent in PurePosixPath(name).parents)
    kept = {str(parent) for name in there.keys() - set(names) for parent in PurePosixPath(name).parents}
    for name in sorted(folders - kept - {"."}, reverse=True):
        # A folder may hold another that is empty and that nobody spoke of.
        with contextlib.suppress(OSError):
            sftp.rmdir(_path(remote, name))


def _path(remote: str, name: str) -> bytes:
    return _bytes(f"{remote}/{name}")


def _bytes(name: str) -> bytes:
    """Return a name as the host has it, which may be no UTF-8: paramiko would take it for such, and fail."""
    return name.encode("utf-8", "surrogateescape")


class _Upload:
    """Sends files one by one over SFTP."""

    def __init__(self, sftp: Any, folder: Path, remote: str, there: There, out: View) -> None:
        self.sftp, self.folder, self.remote, self.there, self.out = sftp, folder, remote, there, out
        self.made = {str(parent) for name in there for parent in PurePosixPath(name).parents} | {"."}

    def send(self, names: Iterable[str]) -> list[int]:
        """Send what is not there already; returns the bytes of all that had to be sent, a link's are none."""
        sizes = []
        for name in names:
            state = (self.folder / name).lstat()
            self._make(PurePosixPath(name).parent)
            if stat.S_ISLNK(state.st_mode):
                sizes += self._link(name)
                continue
            row = [state.st_size, int(state.st_mtime), _mode(self.folder / name, state), ""]
            if list(self.there.get(name, ())) != row:
                self.out.now(f"sending {name}")
                self._put(name, state)
                sizes.append(state.st_size)
        return sizes

    def _make(self, folder: PurePosixPath) -> None:
        if str(folder) in self.made:
            return
        self._make(folder.parent)
        with contextlib.suppress(OSError):  # an empty folder is there and was not told; what is wrong shows itself next
            self.sftp.mkdir(_path(self.remote, str(folder)))
        self.made.add(str(folder))

    def _link(self, name: str) -> list[int]:
        goal = (self.folder / name).readlink().as_posix()
        if name in self.there and self.there[name][3] == goal:
            return []
        if name in self.there:
            self.sftp.remove(_path(self.remote, name))
        self.sftp.symlink(_bytes(goal), _path(self.remote, name))
        return [0]

    def _put(self, name: str, state: Any) -> None:
        """Send one file; whoever reads it meanwhile on the host has the old one or the new one."""
        part = _path(self.remote, f"{name}.{uuid.uuid4().hex[:8]}.part")
        self.sftp.put(str(self.folder / name), part)
        self.sftp.chmod(part, _mode(self.folder / name, state))
        self.sftp.utime(part, (state.st_atime, state.st_mtime))
        self.sftp.posix_rename(part, _path(self.remote, name))


def _mode(path: Path, state: Any) -> int:
    """Return the permissions that a file gets on the host: its own; on Windows, without any, a script shows itself."""
    if not laptop.WINDOWS:
        return stat.S_IMODE(state.st_mode)
    with path.open("rb") as file:
        return 0o755 if file.read(2) == b"#!" else 0o644
