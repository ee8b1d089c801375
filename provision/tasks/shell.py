"""`fab ssh` and `fab tunnel`: a shell on the host, and a web page of it on this machine."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from typing import TYPE_CHECKING, Any

from provision.model.errors import BadInput, GpurigError, RunFailed, Unreachable
from provision.tasks.base import LIMIT_HELP, each, ending, hosts_for, one_host, task, tell
from provision.transport.connection import ssh_command
from provision.transport.session import Session
from provision.transport.tunnel import Forwarder

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.screen.progress import View
    from provision.transport.inventory import Host

HIGHEST_PORT = 65535


@task(help={"command": "run this on every host and return, instead of a shell", **LIMIT_HELP}, post=[ending])
def ssh(c: Any, command: str = "", limit: str = "") -> None:
    """Open a shell on the host, with the pinned host key and a keepalive."""
    hosts = hosts_for(c, limit)
    if command and len(hosts) > 1:
        each(c, lambda host, out: _command(host, c.config, command, out), hosts=hosts)
        return
    host = one_host(c, limit)
    if shutil.which("ssh") is None:
        raise GpurigError("there is no `ssh` program on PATH", hint="install OpenSSH's client")
    with Session(host, c.config, tell=tell) as session:
        # Pins the key of an instance that is new, and says what is wrong better than ssh would.
        keys = session.connection.connect_kwargs.get("key_filename") or [""]
    line = [*ssh_command(host, identity=keys[0]), *filter(None, [command])]
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


def _command(host: Host, config: Any, command: str, out: View) -> None:
    """Run a shell command on one of several hosts. Raises `RunFailed` where its exit code is not 0."""
    with (
        Session(host, config, tell=out.tell) as session,
        contextlib.closing(_Lines(out.line)) as said,
        contextlib.closing(_Lines(out.tell)) as told,
    ):
        out.now(command)
        done = session.connection.run(command, out_stream=said, err_stream=told, warn=True, in_stream=False)
    if done.failed:
        raise RunFailed(f"exit code {done.exited} of {command}", done.exited)


@task(help={"port": "port on the host", "local": "port on this machine; the same where not given", **LIMIT_HELP})
def tunnel(c: Any, port: str = "5000", local: str = "", limit: str = "") -> None:
    """Open a port of the host (DIGITS) on this machine, until Ctrl-C."""
    there, here = _ports(port, local or port)
    host = one_host(c, limit)
    try:
        forwarder = Forwarder(here, there, tell)
    except OSError as error:
        message = f"port {here} of this machine cannot be had: {error}"
        raise BadInput([message], hint="name a free one: fab tunnel --local PORT") from error
    with forwarder, Session(host, c.config, tell=tell) as session:
        transport = session.connection.transport
        try:
            print(f"http://127.0.0.1:{here} is port {there} of {host}; Ctrl-C closes it", flush=True)
            forwarder.run(transport)
        except KeyboardInterrupt:
            return
        raise Unreachable(f"the connection to {host} was lost", hint="the same command opens it again")


def _ports(port: str, local: str) -> tuple[int, int]:
    """Return both ports as numbers. Raises `BadInput`."""
    words = {"port": port, "local": local}
    problems = [
        f"--{option} {word}: a port is a number from 1 to {HIGHEST_PORT}"
        for option, word in words.items()
        if not (word.isdecimal() and 1 <= int(word) <= HIGHEST_PORT)
    ]
    if problems:
        raise BadInput(problems)
    return int(port), int(local)
