"""Who logs in to a host: the keys that are wanted, those that are there, and what brings the one to the other.

All of it is done as the account itself, by SFTP: root has no part in a file of the account's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import stat
import time
from typing import TYPE_CHECKING, Any

from provision.life import authorized_keys
from provision.model.errors import BadInput, GpurigError
from provision.model.project import HOSTS_FILE
from provision.model.public_key import PublicKey
from provision.transport import pipes
from provision.transport import settings as stack_settings
from provision.transport.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from provision.life.authorized_keys import Entry
    from provision.model.host import Host
    from provision.transport.session import Session

FIRST, MORE = "sshPublicKey", "sshKeys"
DEFAULT = "~/.ssh/id_ed25519.pub"
FOLDER, FILE = ".ssh", ".ssh/authorized_keys"
PART = ".ssh/.authorized_keys.gpurig"
"""What the next file is written to; while it is there, nobody else writes."""
WAIT_S = 5
_MOST = 2**20
"""Bytes of a file that are read; sshd itself takes lines of 8 KiB."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A key that is to log in."""

    key: PublicKey
    whose: str
    """Where it is said: "gpurig:sshKeys"."""


def wanted(host: Host, *, strict: bool = True) -> list[Wanted]:
    """Return the keys that the stack's settings, or the hosts file, want on a host; all boxes of a stack want the same.

    Raises `BadInput` for one that cannot be read; where not `strict`, it is left out: it may be on another laptop.
    """
    settings = stack_settings.read() if host.stack else None
    if settings is None or settings.missing:
        return recorded(host, strict=strict)
    more = [(value, f"gpurig:{MORE}") for value in settings.names(MORE)]
    return _read_all([(settings.get(FIRST, DEFAULT), f"gpurig:{FIRST}"), *more], strict=strict)


def recorded(host: Host, *, strict: bool = False) -> list[Wanted]:
    """Return the keys that were wanted at the last `pulumi up`, and of a machine of one's own those of its file."""
    names = [HOSTS_FILE] * len(host.keys)
    if host.stack:
        names = [f"gpurig:{FIRST}", *[f"gpurig:{MORE}"] * len(host.keys)]
    return _read_all([*zip(host.keys, names, strict=False)], strict=strict)


def _read_all(said: Sequence[tuple[str, str]], *, strict: bool) -> list[Wanted]:
    found, problems = [], []
    for value, whose in said:
        try:
            found.append(Wanted(key=PublicKey.read(value), whose=whose))
        except ValueError as error:
            problems.append(f"{whose}: {error}")
    if problems and strict:
        raise BadInput(problems)
    return found


def there(session: Session) -> str:
    """Return the account's file as it is, "" where there is none."""
    read = f"test ! -e {FILE} || head -c {_MOST} {FILE}"
    return b"".join(pipes.receive(session, read)).decode("utf-8", "surrogateescape")


def missing(text: str, keys: Collection[Wanted]) -> list[Wanted]:
    """Return the wanted keys that are no way in, by a file."""
    ways_in = {entry.material for entry in authorized_keys.entries(text) if entry.is_way_in}
    return [one for one in keys if one.key.material not in ways_in]


def put(session: Session, keys: Collection[PublicKey]) -> int:
    """Bring keys to a host; returns how many were not there."""
    before, after = _change(session, lambda text: authorized_keys.added(text, keys))
    return len(authorized_keys.entries(after)) - len(authorized_keys.entries(before))


def remove(session: Session, names: Callable[[Entry], bool]) -> list[Entry]:
    """Take the keys that `names` says off a host, and return them.

    Raises `BadInput` where none would be left to log in with, and `GpurigError` where none that is left lets us in:
    then the keys are where they were.
    """
    gone: list[Entry] = []

    def edit(text: str) -> str:
        gone[:] = [entry for entry in authorized_keys.entries(text) if names(entry)]
        left = authorized_keys.removed(text, {entry.material for entry in gone})
        if gone and not any(entry.is_way_in for entry in authorized_keys.entries(left)):
            hint = "add another one first: fab keys --add FILE"
            raise BadInput([f"{session.host}: no key would be left that logs in"], hint=hint)
        return left

    before, after = _change(session, edit)
    if before != after and not _lets_in(session):
        _change(session, lambda _: before)
        hint = "log in with one that stays (fab -i …), then the same command"
        raise GpurigError(f"{session.host}: none of your keys logs in without it: put back", hint=hint)
    return gone


def _lets_in(session: Session) -> bool:
    """Say whether a new connection comes about; the one that is open would outlive its key."""
    trial = Connection(session.host, session.config, tell=session.tell)
    try:
        trial.open()
    except GpurigError:
        return False
    finally:
        trial.close()
    return True


def _change(session: Session, edit: Callable[[str], str]) -> tuple[str, str]:
    """Write the file anew in one move, and return what it was and is. What `edit` raises leaves it as it was."""
    sftp = session.connection.sftp()
    try:
        _make_folder(sftp)
        with _alone(sftp, session) as part:
            old = _read(sftp)
            new = edit(old)
            part.write(new.encode("utf-8", "surrogateescape"))
            part.close()
            if new != old:
                sftp.posix_rename(PART, FILE)
    except OSError as error:
        raise GpurigError(f"the keys of {session.host} cannot be written: {error}") from error
    return old, new


def _make_folder(sftp: Any) -> None:
    try:
        sftp.stat(FOLDER)
    except FileNotFoundError:
        sftp.mkdir(FOLDER, 0o700)


def lines(text: str, keys: Collection[Wanted]) -> list[str]:
    """Return what there is to say of the keys that are wanted on a host and cannot log in."""
    return [
        f"{one.key.comment or one.key.fingerprint} ({one.whose}) cannot log in: fab keys --put"
        for one in missing(text, keys)
    ]


def _read(sftp: Any) -> str:
    """Return the file. Raises `OSError` where something else is in its place: a move would put an end to that."""
    try:
        mode = sftp.lstat(FILE).st_mode
    except FileNotFoundError:
        return ""
    if not stat.S_ISREG(mode):
        raise OSError(f"~/{FILE} is no plain file; a link is its owner's to follow")
    with sftp.open(FILE, "rb") as file:
        return bytes(file.read(_MOST)).decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _alone(sftp: Any, session: Session) -> Iterator[Any]:
    """Open the new file, which is nobody's but ours: whoever else changes keys waits for it to go."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            part = sftp.open(PART, "wx")
            break
        except OSError as error:
            if time.monotonic() > deadline:
                hint = f"another fab changes them; one that was killed leaves it: fab ssh --command 'rm ~/{PART}'"
                raise GpurigError(f"the keys of {session.host} are held: ~/{PART} is there", hint=hint) from error
            time.sleep(0.2)
    try:
        part.chmod(0o600)
        yield part
    finally:
        part.close()
        with contextlib.suppress(FileNotFoundError):  # it has become the file
            sftp.remove(PART)


def remember(host: Host, *, add: Collection[PublicKey] = (), drop: Collection[str] = ()) -> str:
    """Have the setting of the stack's keys say what is wanted from now on; returns what there is to tell.

    `drop`: materials. Raises `BadInput` for a key that another setting names.
    """
    known = wanted(host, strict=False)
    if not host.stack:
        return f"to keep it so, in {HOSTS_FILE}, [host.{host.name}]: keys = […]"
    if first := [one for one in known if one.whose.endswith(FIRST) and one.key.material in drop]:
        hint = f"name another first: pulumi config set gpurig:{FIRST} …; then fab keys --put"
        raise BadInput([f"{first[0].key.fingerprint} is gpurig:{FIRST}, with which a new box is made"], hint=hint)
    listed = [one.key for one in known if one.whose.endswith(MORE)]
    new = [*(key for key in listed if key.material not in drop), *(key for key in add if key not in listed)]
    if new == listed:
        return ""
    stack_settings.change({MORE: json.dumps([str(key) for key in new]) if new else ""})
    return f"gpurig:{MORE} has {len(new)} {'key' if len(new) == 1 else 'keys'} now"
