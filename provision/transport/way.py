"""The way to a host's SSH port: straight, through a machine in between, or through AWS's Session Manager.

`of` gives `Connection` a socket; `ssh_command` and `proxy` have OpenSSH go the same way.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import paramiko

from provision.model import laptop
from provision.model.access import SSM, Jump
from provision.model.errors import Unreachable
from provision.transport import ahead, host_keys

if TYPE_CHECKING:
    from provision.model.host import Host

KEEPALIVE = 15
CHUNK = 65536
PROGRAMS = ("aws", "session-manager-plugin")
NOT_YET = "TargetNotConnected"
"""What Session Manager says of an instance whose agent has not called in: it boots, is off, or has no way out."""
PLUGIN = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"


class Way(Protocol):
    """What brings a connection to a host."""

    def dial(self, host: Host, seconds: float) -> Any:
        """Return a socket, or what is like one, to the host's port. Raises `OSError`, `SSHException`, `Unreachable`."""

    def explain(self) -> None:
        """Raise `OSError` that says why what was dialled broke, where the way knows better than SSH."""

    def close(self) -> None:
        """Give up what the way itself holds."""


class Between(Protocol):
    """A connection to a machine in between."""

    rig_host: Host
    transport: Any

    def open(self) -> Any:
        """Connect, where that was not done. Raises `Unreachable` and `UntrustedHost`."""

    def close(self) -> None:
        """Leave it."""


def of(host: Host, jump: Between | None) -> Way:
    """Return the way to a host; `jump`: the connection to the machine in between, not open yet."""
    if host.access == SSM:
        return _SessionManager()
    return _Through(jump) if jump else Straight()


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

    def __init__(self, jump: Between) -> None:
        self._jump = jump

    def dial(self, host: Host, seconds: float) -> paramiko.Channel:
        """Have the machine in between connect. One that cannot says so at once; for silence there are `seconds`."""
        self._jump.open()
        goal = (host.address, host.port)
        try:
            channel: paramiko.Channel = self._jump.transport.open_channel(
                "direct-tcpip", goal, ("", 0), timeout=seconds
            )
        except paramiko.ChannelException as error:
            if error.code == paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
                hint = "its sshd_config says so (AllowTcpForwarding, PermitOpen)"
                raise Unreachable(f"{self._jump.rig_host} connects nobody to {goal[0]}", hint=hint) from error
            raise ConnectionRefusedError(f"{self._jump.rig_host} finds no way to {goal[0]}") from error
        return channel

    def explain(self) -> None:
        """Nothing is known beyond what SSH says."""

    def close(self) -> None:
        """Leave the machine in between."""
        self._jump.close()


class _SessionManager:
    """AWS's own CLI, whose standard streams are the port."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it goes with this object

    def dial(self, host: Host, seconds: float) -> socket.socket:
        """Start a session. Raises `Unreachable` where the programs for it are not here."""
        del seconds
        lacking = [name for name in PROGRAMS if shutil.which(name) is None]
        if lacking:
            problem = f"{host} is reached through Session Manager, and there is no {' and no '.join(lacking)} on PATH"
            raise Unreachable(problem, hint=f"install it: {PLUGIN}")
        self.close()
        here, there = socket.socketpair()
        self._process = _started(_session(host), there, self._said)
        return here

    def explain(self) -> None:
        """Raise what the CLI said, where it has ended."""
        if self._process is None or self._process.poll() is None:
            return
        self._said.seek(0)
        said = " ".join(self._said.read().decode("utf-8", "replace").split())
        if NOT_YET in said:
            raise ConnectionRefusedError("its agent has not called Session Manager yet")
        raise OSError(f"Session Manager: {said[-500:] or 'the session ended'}")

    def close(self) -> None:
        """End the session."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None
        self._said.seek(0)
        self._said.truncate()


def _started(command: list[str], end: socket.socket, said: Any) -> subprocess.Popen[bytes]:
    """Start a command that has the end of a pair of sockets for its standard streams, and closes it."""
    # In a session of its own: Ctrl-C is for us, who may have more to say over it.
    own: dict[str, Any] = {"stderr": said, "start_new_session": True}
    process: subprocess.Popen[bytes]
    if not laptop.WINDOWS:
        with end:
            process = subprocess.Popen(command, stdin=end, stdout=end, **own)  # type: ignore[call-overload] # has a fileno
        return process
    # There a socket is no file.
    own = {"stderr": said, "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **own)
    for carry in (_in, _out):
        threading.Thread(target=carry, args=(process, end), daemon=True).start()
    return process


def _in(process: subprocess.Popen[bytes], end: socket.socket) -> None:
    """Carry what comes through a socket to a process, until the other side closes it."""
    with contextlib.suppress(OSError, ValueError), process.stdin or contextlib.nullcontext() as stream:
        while stream and (data := end.recv(CHUNK)):
            stream.write(data)
            stream.flush()


def _out(process: subprocess.Popen[bytes], end: socket.socket) -> None:
    """Carry what a process writes into a socket, until it has ended."""
    reader: Any = process.stdout
    with end, reader, contextlib.suppress(OSError, ValueError):
        while data := reader.read1(CHUNK):
            end.sendall(data)
        end.shutdown(socket.SHUT_RDWR)


def _session(host: Host) -> list[str]:
    """Return the command whose standard streams are a host's port through Session Manager.

    Raises `Unreachable` where that would go to another account than everything else.
    """
    from provision.model.aws_settings import reached  # noqa: PLC0415 - few hosts are reached this way

    settings = reached(host.profile)
    if "assumeRoles" in settings:
        role = settings["assumeRoles"][-1]["roleArn"]
        hint = f"aws configure set role_arn {role} --profile NAME, pulumi config set aws:profile NAME, without the role"
        raise Unreachable(f"{host}: the command aws, through which it is reached, takes no role of aws:", hint=hint)
    profile = settings.get("profile")
    where = ["--region", host.region, *(("--profile", profile) if profile else ())]
    document = ["--document-name", "AWS-StartSSHSession", "--parameters", f"portNumber={host.port}"]
    return ["aws", "ssm", "start-session", "--target", host.instance_id, *document, *where]


def proxy(host: Host, identity: str) -> str:
    """Return OpenSSH's ProxyCommand to a host, "" where the way is straight; `identity`: a private key, or ""."""
    if host.access == SSM:
        return _as_value(_session(host))
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
