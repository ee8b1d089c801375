"""The way to a host's SSH port: straight, through a machine in between, or through AWS's Session Manager.

`of` gives `Connection` a socket; `ssh_command` and `proxy` have OpenSSH go the same way.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import paramiko

from provision.model import laptop
from provision.model.access import SSM, Jump
from provision.model.errors import Unreachable
from provision.transport import ahead, between, host_keys, session_manager
from provision.transport.session_manager import SessionManager

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from provision.model.host import Host

KEEPALIVE = 15


class Way(Protocol):
    """What brings a connection to a host."""

    def dial(self, host: Host, seconds: float) -> Any:
        """Return a socket, or what is like one, to the host's port. Raises `OSError`, `SSHException`, `Unreachable`."""

    def explain(self) -> None:
        """Raise `OSError` that says why what was dialled broke, where the way knows better than SSH."""

    def close(self) -> None:
        """Give up what the way itself holds."""


def of(host: Host, link: Callable[[], between.Link]) -> Way:
    """Return the way to a host; `link` makes the connection to the machine in between, where there is one."""
    if host.access == SSM:
        return SessionManager()
    return _Through(between.of(host.jump), link) if host.jump else Straight()


class Straight:
    """TCP from here to there."""

    def dial(self, host: Host, seconds: float) -> socket.socket:
        """Connect from here."""
        return ahead.dial(host.address, host.port, seconds)

    def explain(self) -> None:
        """Nothing is known beyond what SSH says."""

    def close(self) -> None:
        """Nothing is held."""


class _Through:
    """A channel of a connection to another machine, which dials from there."""

    def __init__(self, machine: between.Between, link: Callable[[], between.Link]) -> None:
        self._machine, self._link = machine, link

    def dial(self, host: Host, seconds: float) -> paramiko.Channel:
        """Have the machine in between connect. One that cannot says so at once; for silence there are `seconds`."""
        link = self._machine.enter(self, self._link)
        goal = (host.address, host.port)
        try:
            channel: paramiko.Channel = link.transport.open_channel("direct-tcpip", goal, ("", 0), timeout=seconds)
        except paramiko.ChannelException as error:
            if error.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
                hint = "its sshd_config says so (AllowTcpForwarding, PermitOpen)"
                raise Unreachable(f"{link.rig_host} connects nobody to {goal[0]}", hint=hint) from error
            raise ConnectionRefusedError(f"{link.rig_host} finds no way to {goal[0]}") from error
        return channel

    def explain(self) -> None:
        """Nothing is known beyond what SSH says."""

    def close(self) -> None:
        """Leave the machine in between, where nobody else goes through it."""
        self._machine.leave(self)


def proxy(host: Host, identity: str) -> str:
    """Return OpenSSH's ProxyCommand to a host, "" where the way is straight; `identity`: a private key, or ""."""
    if host.access == SSM:
        return _as_value(session_manager.command(host))
    if not host.jump:
        return ""
    jump = Jump.read(host.jump)
    # Not ProxyJump: that one takes neither these options nor this key along, and would ask about an unknown host key.
    known = ["-o", "StrictHostKeyChecking=yes", "-o", f'UserKnownHostsFile="{Path.home().as_posix()}/.ssh/known_hosts"']
    login = [*(("-p", str(jump.port)) if jump.port else ()), *(("-l", jump.user) if jump.user else ()), jump.host]
    key = ["-i", Path(identity).expanduser().as_posix(), "-o", "IdentitiesOnly=yes"] if identity else []
    alive = ["-o", f"ServerAliveInterval={KEEPALIVE}"]
    return f"ssh -W %h:%p {_as_value([*known, *alive, *key, *login])}"


def _as_value(command: list[str]) -> str:
    """Return a command as ssh_config takes it: words of the system's shell, in which a percent sign begins a token."""
    words = subprocess.list2cmdline(command) if laptop.WINDOWS else shlex.join(command)
    return words.replace("%", "%%")


def ssh_command(host: Host, *, identity: str = "") -> list[str]:
    """Return the OpenSSH command line that connects as `Connection` does."""
    key = identity or os.environ.get("GPURIG_SSH_KEY", "")
    through = proxy(host, key)
    pins = ["-o", f"UserKnownHostsFile={host_keys.known_hosts().as_posix()}", "-o", f"HostKeyAlias={host.instance_id}"]
    # The file that `Connection` reads: ssh by itself would not ask $HOME where it is.
    known = ["-o", f'UserKnownHostsFile="{Path.home().as_posix()}/.ssh/known_hosts"']
    return [
        *("ssh", "-p", str(host.port), "-o", "StrictHostKeyChecking=yes", "-o", f"ServerAliveInterval={KEEPALIVE}"),
        *(pins if host.instance_id else known),
        *(("-i", key, "-o", "IdentitiesOnly=yes") if key else ()),
        *(("-o", f"ProxyCommand={through}") if through else ()),
        f"{host.user}@{host.address}",
    ]
