"""What is begun before it is asked for: Pulumi's answer, the login, and the program that waits for a request there.

That is while Python still reads the modules of `fab`, and nothing is known but the words of the command. So the login
is the one that was needed here last. Who connects takes it only where it is, to the last word, the one that he would
make; before that a host may be looked at, and nothing is changed there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from provision.model import cache
from provision.model.project import hosts_file, project_folder
from provision.transport import background, pulumi_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

KIND = "logins"
OPTIONS = frozenset({"allow_agent", "auth_timeout", "banner_timeout", "key_filename", "look_for_keys", "timeout"})
"""Paramiko's options that may be written down: no secret is among them."""
SWITCH_SECONDS = 0.001
"""How long an import may keep the login waiting: each of its steps is short, and waits for the host in between."""

ELSEWHERE = ("-H", "--hosts", "-h", "--help", "-l", "--list")
"""Options that name other hosts, or ask for none."""
LOOKING = ("setup-", "plan")
"""How those verbs start whose first question is how the steps of the host are."""

_LOCK = threading.Lock()


class Begun(NamedTuple):
    """What a login has brought."""

    client: Any
    """Paramiko's."""
    channel: Any
    """The program on the host that waits for a request, None where none was started."""

    def close(self) -> None:
        """Hang up."""
        self.client.close()


_begun: list[tuple[Mapping[str, Any], Future[Begun]]] = []
"""The login that was begun and is not taken yet."""
_remembered: list[Mapping[str, Any]] = []
"""The login that the next command here will begin: one of each program's, the first; an empty one stands for none."""


def begin(words: Sequence[str]) -> Callable[[], None]:
    """Begin what a command needs; returns what is to be called once Paramiko is imported.

    `words`: those of a command that looks at the hosts of the project; at others, or at none, where options say so.
    """
    imported = threading.Event()
    if not any(word.startswith(ELSEWHERE) for word in words):
        if hosts_file() is None:
            pulumi_cli.begin("stack", "export", "--non-interactive")
        kept = _read()
        if kept is not None:
            sys.setswitchinterval(SWITCH_SECONDS)
            look = words[0].startswith(LOOKING)
            _begun.append((kept["login"], background.begin(lambda: _log_in(kept, imported, look=look))))
    return imported.set


def taken(login: Mapping[str, Any] | None) -> Begun | None:
    """Return what was begun, once it has logged in as `login` says; None where there is none.

    Whoever connects first takes it, or it is given up: it would hold a place at an sshd for nobody. Raises `OSError`
    where it found nobody to answer: that was the attempt that the caller would make.
    """
    with _LOCK:
        if not _begun:
            return None
        begun, answer = _begun.pop()
    if begun != login:
        background.drop(answer)
        return None
    try:
        made = answer.result()
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - who makes it himself says what is wrong with it
        return None
    transport = made.client.get_transport()
    if transport is not None and transport.is_active():
        return made
    made.close()  # the host has hung up since
    return None


def remember(login: Mapping[str, Any] | None) -> None:
    """Keep how a host was logged in to, for the next command of this project; where that cannot be, nothing."""
    with _LOCK:
        if login is None or _remembered:
            return
        _remembered.append(login)
    kept = _read()
    if kept is None or kept["login"] != login:
        _keep(login, is_root=login["user"] == "root")


def remember_root(login: Mapping[str, Any] | None, *, asks_nothing: bool) -> None:
    """Keep whether its account is root without being asked for a password: only then a program can wait there."""
    kept = _read() if login is not None else None
    if kept is not None and kept["login"] == login and kept["is_root"] != asks_nothing:
        _keep(kept["login"], is_root=asks_nothing)


def remember_none() -> None:
    """Keep nothing of this program: the hosts that it goes to were given for this one command."""
    with _LOCK:
        _remembered.append({})


def _keep(login: Mapping[str, Any], *, is_root: bool) -> None:
    # A TypeError is of what JSON does not know, such as a Path in the user's own configuration.
    with contextlib.suppress(TypeError, ValueError, OSError, RuntimeError):
        cache.keep(KIND, _name(), json.dumps({"login": login, "is_root": is_root}))


def dial(address: str, port: int, seconds: float) -> socket.socket:
    """Connect here: paramiko leaves Nagle's algorithm on, and small packets wait 40 ms each."""
    sock = socket.create_connection((address, port), seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _log_in(kept: Mapping[str, Any], imported: threading.Event, *, look: bool) -> Begun:
    login = kept["login"]
    sock = dial(login["address"], login["port"], login["seconds"])
    imported.wait()
    import paramiko  # noqa: PLC0415

    from provision.transport import known_hosts  # noqa: PLC0415 - it imports Paramiko

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        known_hosts.trust(client, login["name"], login["keys"])
        where = {"hostname": login["address"], "port": login["port"], "username": login["user"]}
        client.connect(sock=sock, **where, **login["options"])
    except BaseException:
        client.close()
        sock.close()
        raise
    channel = None
    if kept["is_root"]:
        from provision.transport import launcher  # noqa: PLC0415 - the login comes first: that waits for the network

        command = launcher.unasked(login["user"], launcher.early(look=look))
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):  # whoever wants one finds out himself
            channel = launcher.channel(client.get_transport(), command)
    return Begun(client, channel)


def _name() -> str:
    """Return the name of what is kept for this project and stack."""
    parts = [str(project_folder().resolve()), *(os.environ.get(name, "") for name in ("PULUMI_STACK", "GPURIG_HOSTS"))]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _read() -> dict[str, Any] | None:
    """Return the login that was kept and whether it `is_root`, None where there is none or it is of another kind."""
    try:
        kept = json.loads(cache.read(KIND, _name()) or "null")
    except (ValueError, OSError):
        return None
    if not (isinstance(kept, dict) and isinstance(kept.get("is_root"), bool) and isinstance(kept.get("login"), dict)):
        return None
    login = kept["login"]
    fields = {"name", "address", "port", "user", "seconds", "keys", "options"}
    is_one = login.keys() == fields and isinstance(login["options"], dict)
    return kept if is_one and login["options"].keys() <= OPTIONS else None
