"""`fab ssh` and `fab tunnel`: a shell on the host, and a web page of it on this machine."""

from __future__ import annotations

import os
import shutil
from typing import Any

from provision.connection import ssh_command
from provision.errors import BadInput, GpurigError, Unreachable
from provision.session import Session
from provision.tasks.base import one_host, task, tell
from provision.tunnel import Forwarder

HIGHEST_PORT = 65535


@task(help={"name": "which host, where there are several", "command": "run this and return, instead of a shell"})
def ssh(c: Any, name: str = "", command: str = "") -> None:
    """Open a shell on the host, with the pinned host key and a keepalive."""
    host = one_host(c, name)
    if shutil.which("ssh") is None:
        raise GpurigError("there is no `ssh` program on PATH", hint="install OpenSSH's client")
    with Session(host, c.config, tell=tell) as session:
        # Pins the key of an instance that is new, and says what is wrong better than ssh would.
        keys = session.connection.connect_kwargs.get("key_filename") or [""]
    line = [*ssh_command(host, identity=keys[0]), *filter(None, [command])]
    os.execvp("ssh", line)  # noqa: S606 - the user's own shell takes over


@task(help={"name": "which host, where there are several", "port": "port on the host", "local": "port on this machine"})
def tunnel(c: Any, name: str = "", port: str = "5000", local: str = "") -> None:
    """Open a port of the host (DIGITS) on this machine, until Ctrl-C."""
    there, here = _ports(port, local or port)
    host = one_host(c, name)
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
