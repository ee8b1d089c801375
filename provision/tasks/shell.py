"""`fab ssh` and `fab tunnel`: a shell on the host, and a web page of it on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import time
from typing import TYPE_CHECKING, Any

from provision.connection import ssh_command
from provision.errors import BadInput, GpurigError
from provision.session import Session
from provision.tasks.base import hosts_for, task, tell

if TYPE_CHECKING:
    from provision.inventory import Host


@task(help={"name": "which host, where there are several", "command": "run this and return, instead of a shell"})
def ssh(c: Any, name: str = "", command: str = "") -> None:
    """Open a shell on the host, with the pinned host key and a keepalive."""
    host = _one(hosts_for(c), name)
    if shutil.which("ssh") is None:
        raise GpurigError("there is no `ssh` program on PATH", hint="install OpenSSH's client")
    with Session(host, c.config, tell=tell) as session:
        # Pins the key of an instance that is new, and says what is wrong better than ssh would.
        keys = session.connection.connect_kwargs.get("key_filename") or [""]
    line = [*ssh_command(host, identity=keys[0]), *filter(None, [command])]
    os.execvp("ssh", line)  # noqa: S606 - the user's own shell takes over


@task(help={"name": "which host, where there are several", "port": "port on the host", "local": "port on this machine"})
def tunnel(c: Any, name: str = "", port: int = 5000, local: int = 0) -> None:
    """Open a port of the host (DIGITS) on this machine, until Ctrl-C."""
    host = _one(hosts_for(c), name)
    local = local or port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", local))
        except OSError as error:
            message = f"port {local} of this machine is taken: {error}"
            raise BadInput([message], hint=f"fab tunnel --local {local + 1}") from error
    with (
        Session(host, c.config, tell=tell) as session,
        session.connection.forward_local(local, port, local_host="127.0.0.1"),
    ):
        print(f"http://127.0.0.1:{local} is port {port} of {host}; Ctrl-C closes it", flush=True)
        try:
            while session.connection.is_connected:
                time.sleep(1)
        except KeyboardInterrupt:
            return
        raise GpurigError(f"the connection to {host} was lost", hint="the same command opens it again")


def _one(hosts: list[Host], name: str) -> Host:
    """Return the only host, or the one of that name. Raises `BadInput`."""
    fits = [host for host in hosts if name in ("", host.name, host.address)]
    if len(fits) != 1:
        names = ", ".join(host.name for host in hosts)
        raise BadInput([f"{len(fits)} hosts fit; say which by --name: {names}"])
    return fits[0]
