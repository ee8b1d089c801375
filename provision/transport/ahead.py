"""What is begun before it is asked for: Pulumi's answer and the login, while Python still reads the modules of `fab`.

Nothing is known then but the words of the command. So the login is the one that was needed here last. Who connects
takes it only where it is, to the last word, the one that he would make; nothing is done on a host before that.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from provision.model import cache
from provision.model.project import hosts_file, project_folder
from provision.transport import background, pulumi_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

KIND = "logins"
VERBS = ("plan", "ps", "status")
"""Beside `setup-RECIPE`: what looks at hosts, and changes no stack before it knows them."""
OPTIONS = frozenset({"allow_agent", "auth_timeout", "banner_timeout", "key_filename", "look_for_keys", "timeout"})
"""Paramiko's options that may be written down: no secret is among them."""
SWITCH_SECONDS = 0.001
"""How long an import may keep the login waiting: each of its steps is short, and waits for the host in between."""

_LOCK = threading.Lock()
_begun: list[tuple[Mapping[str, Any], Future[Any]]] = []
"""The login that was begun and is not taken yet."""
_remembered: list[Mapping[str, Any]] = []
"""The login that the next command here will begin: one of each program's, the first; an empty one stands for none."""


def begin(words: Sequence[str]) -> Callable[[], None]:
    """Begin what the words of a command need; returns what is to be called once Paramiko is imported."""
    imported = threading.Event()
    if _looks_at_hosts(words):
        if hosts_file() is None:
            pulumi_cli.begin("stack", "export", "--non-interactive")
        login = _read()
        if login is not None:
            sys.setswitchinterval(SWITCH_SECONDS)
            _begun.append((login, background.begin(lambda: _log_in(login, imported))))
    return imported.set


def taken(login: Mapping[str, Any] | None) -> Any:
    """Return the Paramiko client that was begun, and that has logged in as `login` says; None where there is none.

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
        client = answer.result()
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - who makes it himself says what is wrong with it
        return None
    transport = client.get_transport()
    if transport is not None and transport.is_active():
        return client
    client.close()  # the host has hung up since
    return None


def remember(login: Mapping[str, Any] | None) -> None:
    """Keep how a host was logged in to, for the next command of this project; where that cannot be, nothing."""
    with _LOCK:
        if login is None or _remembered:
            return
        _remembered.append(login)
    # A TypeError is of what JSON does not know, such as a Path in the user's own configuration.
    with contextlib.suppress(TypeError, ValueError, OSError, RuntimeError):
        if _read() != login:
            cache.keep(KIND, _name(), json.dumps(login))


def remember_none() -> None:
    """Keep nothing of this program: the hosts that it goes to were given for this one command."""
    with _LOCK:
        _remembered.append({})


def trust(client: Any, name: str, keys: Sequence[str]) -> None:
    """Tell a Paramiko client which keys a host of that name may show."""
    from provision.transport import known_hosts  # noqa: PLC0415 - it imports Paramiko, and this module comes before it

    for line in keys:
        entry = known_hosts.entry(f"{name} {line}")
        if entry is not None:
            client.get_host_keys().add(name, entry.key.get_name(), entry.key)


def dial(address: str, port: int, seconds: float) -> socket.socket:
    """Connect here: paramiko leaves Nagle's algorithm on, and small packets wait 40 ms each."""
    sock = socket.create_connection((address, port), seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _looks_at_hosts(words: Sequence[str]) -> bool:
    """Tell whether a command is of those that look at the hosts of the project, and at no others."""
    others = ("-H", "--hosts", "-h", "--help", "-l", "--list")
    return bool(words) and words[0].startswith(("setup-", *VERBS)) and not any(w.startswith(others) for w in words)


def _log_in(login: Mapping[str, Any], imported: threading.Event) -> Any:
    sock = dial(login["address"], login["port"], login["seconds"])
    imported.wait()
    import paramiko  # noqa: PLC0415

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        if login["keys"] is None:
            from provision.transport import known_hosts  # noqa: PLC0415 - it imports Paramiko

            known_hosts.trust(client, login["name"])
        else:
            trust(client, login["name"], login["keys"])
        where = {"hostname": login["address"], "port": login["port"], "username": login["user"]}
        client.connect(sock=sock, **where, **login["options"])
    except BaseException:
        client.close()
        sock.close()
        raise
    return client


def _name() -> str:
    """Return the name of what is kept for this project and stack."""
    parts = [str(project_folder().resolve()), *(os.environ.get(name, "") for name in ("PULUMI_STACK", "GPURIG_HOSTS"))]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _read() -> dict[str, Any] | None:
    """Return the login that was kept, None where there is none or it is of another kind."""
    try:
        login = json.loads(cache.read(KIND, _name()) or "null")
    except (ValueError, OSError):
        return None
    fields = {"name", "address", "port", "user", "seconds", "keys", "options"}
    is_one = isinstance(login, dict) and login.keys() == fields and isinstance(login["options"], dict)
    return login if is_one and login["options"].keys() <= OPTIONS else None
