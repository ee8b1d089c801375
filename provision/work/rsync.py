"""Send files of a folder by the user's own rsync, where it is one that does what is asked of it here."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from provision.model import laptop
from provision.transport.way import ssh_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from provision.screen.progress import View
    from provision.transport.session import Session

LEAST = 3
"""The first version of rsync that sends names as they are."""
NO_WAY = (1, 2, 12, 14, 127, 255)
"""Exit codes of rsync where it finds no way: too old for these options (macOS' own) or for the other side, no ssh, an
ssh that does not get in, or nothing that came from the other side."""

AT_ONCE = 8
"""How many are sent to at once: they share one way out of here, and a machine in between lets in so many at once."""
_TURNS = threading.BoundedSemaphore(AT_ONCE)


def send(session: Session, folder: Path, remote: str, names: list[str], out: View) -> list[int] | None:
    """Send by rsync; returns the bytes of all that had to be sent, a link's are none; None where it finds no way."""
    if not _new_enough(session):
        return None
    keys = session.connection.connect_kwargs.get("key_filename") or [""]
    *ssh, login = ssh_command(session.host, identity=keys[0])
    user, _, address = login.rpartition("@")
    goal = f"{user}@[{address}]:{remote}/" if ":" in address else f"{login}:{remote}/"
    command = ["rsync", "--links", "--perms", "--times", "--from0", "--files-from=-", "--protect-args"]
    command += [
        "--out-format=%i %l %n",
        "--rsh",
        shlex.join([*ssh, "-o", "BatchMode=yes"]),
        f"{folder.resolve()}/",
        goal,
    ]
    sizes: list[int] = []
    said: list[str] = []
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{name}\0" for name in names).encode("utf-8", "surrogateescape"))
        wanted.seek(0)
        pipes: dict[str, Any] = {"stdin": wanted, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with _turn(out), subprocess.Popen(command, encoding="utf-8", errors="replace", **pipes) as process:
            for line in process.stdout or ():
                kind, _, rest = line.rstrip("\n").partition(" ")
                if kind.startswith("<f"):
                    size, _, name = rest.partition(" ")
                    sizes.append(int(size))
                    out.now(f"sending {name}")
                elif kind.startswith("cL"):
                    sizes.append(0)
                elif not kind.startswith((".", "c", "<")):
                    said.append(line.strip())
    if process.returncode in NO_WAY and not sizes:
        session.tell(f"rsync finds no way ({said[0] if said else 'it says nothing'}): going on by SFTP")
        return None
    if process.returncode:
        raise OSError(f"rsync ended with exit code {process.returncode}: {'; '.join(said[-5:])}")
    return sizes


@contextlib.contextmanager
def _turn(out: View) -> Iterator[None]:
    """Wait until it is this host's turn."""
    if not _TURNS.acquire(blocking=False):
        out.now("waiting for its turn to be sent to")
        _TURNS.acquire()
        out.now("sending")
    try:
        yield
    finally:
        _TURNS.release()


def _new_enough(session: Session) -> bool:
    """Tell whether there is an rsync that does what is asked of it here; says why not where there is another.

    macOS brings 2.6.9, which asks the host's shell about blanks in names, or openrsync, which calls itself the same. On
    Windows one takes C: for the name of a host.
    """
    if laptop.WINDOWS or shutil.which("rsync") is None:
        return False
    done = subprocess.run(["rsync", "--version"], capture_output=True, text=True, errors="replace", check=False)
    first = done.stdout.partition("\n")[0].strip()
    found = re.match(r"rsync +version v?(\d+)", first)
    if found and int(found[1]) >= LEAST:
        return True
    what = f"rsync is older than {LEAST} ({first or 'it does not say'}): going on by SFTP"
    session.tell(f"{what}; {laptop.install(['rsync'])} brings one that is faster")
    return False
