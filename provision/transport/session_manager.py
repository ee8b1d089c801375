"""The way to a host through AWS's Session Manager: its own CLI, whose standard streams are the host's port."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from provision.model import laptop
from provision.model.errors import Unreachable

if TYPE_CHECKING:
    from provision.model.host import Host

CHUNK = 65536
PROGRAMS = ("aws", "session-manager-plugin")
NOT_YET = "TargetNotConnected"
"""What Session Manager says of an instance whose agent has not called in: it boots, is off, or has no way out."""
PLUGIN = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
AT_ONCE = 8
"""Sessions that begin at once: each takes a second of a core and some megabytes here before it says a word, and AWS
counts how many are asked for in a second."""
SECONDS = 30
"""How long one may take until sshd answers through it."""
ENDS = 5
"""Seconds that one may take to end once its streams are closed: Python's own end is some tenths of one."""
_TURNS = threading.BoundedSemaphore(AT_ONCE)


class SessionManager:
    """AWS's own CLI, whose standard streams are the port."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it goes with this object

    def dial(self, host: Host, seconds: float) -> socket.socket:
        """Start a session, and wait until the other side speaks. Raises `Unreachable` without the programs for it."""
        del seconds
        lacking = [name for name in PROGRAMS if shutil.which(name) is None]
        if lacking:
            problem = f"{host} is reached through Session Manager, and there is no {' and no '.join(lacking)} on PATH"
            raise Unreachable(problem, hint=f"install it: {PLUGIN}")
        self.close()
        words = command(host)
        here, there = socket.socketpair()
        try:
            with _TURNS:
                self._process = _started(words, there, self._said)
                here.settimeout(SECONDS)
                # What is the matter, SSH finds out, or `explain` knows, once what has closed its streams has ended.
                with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                    if not here.recv(1, socket.MSG_PEEK):
                        self._process.wait(ENDS)
        except BaseException:
            here.close()
            there.close()
            raise
        here.settimeout(None)
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


def command(host: Host) -> list[str]:
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
