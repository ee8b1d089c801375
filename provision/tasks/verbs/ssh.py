"""`fab ssh`: a shell on the host, or a command on every host."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from provision.model import laptop
from provision.model.errors import GpurigError, RunFailed
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.transport.session import Session
from provision.transport.way import ssh_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.screen.progress import View
    from provision.tasks.context import Context


@verb(options={"command": "run this on every host and return, instead of a shell"})
def ssh(c: Context, *, command: str = "") -> None:
    """Open a shell on the host, with the pinned host key and a keepalive."""
    if command and len(c.hosts) > 1:
        c.each_session(lambda session, out: _command(session, command, out))
        return
    host = c.one_host()
    if shutil.which("ssh") is None:
        raise GpurigError("there is no `ssh` program on PATH", hint=laptop.install(["ssh"]))
    with Session(host, c.config, tell=tell) as session:
        # Pins the key of an instance that is new, and says what is wrong better than ssh would.
        keys = session.connection.connect_kwargs.get("key_filename") or [""]
        host = session.host
    line = [*ssh_command(host, identity=keys[0]), *filter(None, [command])]
    if laptop.WINDOWS:
        # There the shell would not wait for what takes a program's place, and both would read the keyboard.
        raise Exit(code=subprocess.run(line, check=False).returncode)
    os.execvp("ssh", line)  # noqa: S606 - the user's own shell takes over


class _Lines(io.TextIOBase):
    """A stream whose whole lines go to a view as they come."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = ""

    def write(self, text: str) -> int:
        """Show what has become whole by this."""
        whole, _, self._rest = (self._rest + text).rpartition("\n")
        if whole:
            self._show(whole)
        return len(text)

    def close(self) -> None:
        """Show a last line that has no end."""
        if self._rest:
            self._show(self._rest)
        super().close()


def _command(session: Session, command: str, out: View) -> None:
    """Run a shell command on one of several hosts. Raises `RunFailed` where its exit code is not 0."""
    with (
        contextlib.closing(_Lines(out.line)) as stdout,
        contextlib.closing(_Lines(out.tell)) as stderr,
    ):
        out.now(command)
        done = session.connection.run(command, out_stream=stdout, err_stream=stderr, warn=True, in_stream=False)
    if done.failed:
        raise RunFailed(f"exit code {done.exited} of {command}", done.exited)
