"""A cluster of Ray: each of its hosts has a key of its own, and is let in by the head, which signs for it.

The recipe's program does it there (templates/recipes/ray/node.py). What passes from one host to another comes through
this machine, over SSH and by standard input, and is not kept here.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import shlex
import threading
import time
from typing import TYPE_CHECKING, Any

from provision.agent.paths import PREFIX
from provision.model.errors import BadInput, GpurigError
from provision.model.project import HOSTS_FILE
from provision.transport import pipes

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.transport.session import Session

RECIPE = "ray"
UNIT = "gpurig-ray.service"
HEALTH = "http://127.0.0.1:20004/api/local_raylet_healthz"
"""Of each host's own part, as recipe.toml has it."""
DASHBOARD = 8265
"""The head's port for it, open to the head itself."""
TO_FORM = "fab setup-ray makes one of all hosts"
HEAD, WORKER = "head", "worker"
SECONDS, TRIES = 300, 4
"""How long a host may take to begin, and how often: on a busy machine Ray gives itself up before it is there."""
_FOLDER = f"{PREFIX}/ray"
_PROGRAM = f"{_FOLDER}/venv/bin/python {_FOLDER}/node.py"
_THERE = f"curl -fsS --noproxy '*' --max-time 5 -o /dev/null {HEALTH} 2>/dev/null"
_TOLD = "/var/lib/gpurig-ray/node.env"
_NO_RAY = 127


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """What a host is in a cluster, as it says itself; "" where it is in none."""

    role: str
    address: str
    head: str
    authority: str
    """Fingerprint of the certificate of who let it in."""
    signs: str
    """Of the head, fingerprint of that of who lets in."""
    good: bool
    """Whether its own certificate still is."""
    ray: str
    python: str


class Cluster:
    """The cluster of a head, in a session with it, which others may share."""

    def __init__(self, head: Session) -> None:
        self.head = head
        self.address = inner(head.host)
        self._folder = shlex.quote(str(head.mount_point / "ray" / "cluster"))
        # An sshd takes ten commands at once, and a cluster may have more workers.
        self._lock = threading.Lock()

    def let_in(self, session: Session) -> bool:
        """Have a host be part of the cluster; returns whether anything had to be done.

        Raises `BadInput` for a host without Ray, with another one than the head's, or whose head is another one, and
        `GpurigError` where it does not begin.
        """
        role = HEAD if session is self.head else WORKER
        address, node, head = inner(session.host), _shown(session), self._of_head()
        if (node.ray, node.python) != (head.ray, head.python):
            there, here = (f"Ray {one.ray} and Python {one.python}" for one in (head, node))
            message = f"{session.host} has {here}, and the head {self.head.host} has {there}: a cluster has one of each"
            raise BadInput([message], hint="the same image for all of them, and fab setup-ray on each")
        if role == HEAD and node.role == WORKER:
            problem = f"{session.host} is a worker of the cluster whose head is at {node.head}"
            raise BadInput([problem], hint=f"to make it a head: sudo rm {_TOLD} on it, and the same again")
        same = (node.role, node.address, node.head) == (role, address, self.address)
        if same and node.good and node.authority == head.signs:
            if _is_up(session):
                return False
            _restart(session)
            return True
        request = _ask(session, "request")["request"]
        with self._lock:
            given = _ask(self.head, f"sign {self._folder} {address}", request)
        told = {"role": role, "address": address, "head": self.address, **given}
        _ask(session, "join", json.dumps(told))
        _restart(session)
        return True

    def _of_head(self) -> Node:
        with self._lock:
            return _shown(self.head, f"show {self._folder}")


def token(session: Session) -> str:
    """Return what whoever comes to the dashboard has to say. Raises `BadInput` where a host is in no cluster."""
    try:
        return pipes.exchange(session, "cat /var/lib/gpurig-ray/token").strip()
    except pipes.CommandFailed as error:
        raise BadInput([f"{session.host} is in no cluster of Ray"], hint=TO_FORM) from error


def check_head(session: Session) -> None:
    """Raise `BadInput` where a host is not the head of a cluster."""
    if _shown(session).role != HEAD:
        raise BadInput(
            [f"{session.host} is not the head of a cluster of Ray"], hint="fab setup-ray makes one of all hosts"
        )


def job(command: str) -> str:
    """Return what runs a shell command as a job of the cluster, on its head; of none: none."""
    return command.strip() and f"exec {_FOLDER}/venv/bin/python {_FOLDER}/job.py {shlex.quote(command)}"


def inner(host: Host) -> str:
    """Return the address where the other hosts reach a host. Raises `BadInput` where it is not known."""
    try:
        return str(ipaddress.IPv4Address(host.inner))
    except ValueError:
        hint = "`pulumi up --refresh` notes its private address"
        if not host.instance_id:
            hint = f'say it in {HOSTS_FILE}, in the table of {host.name}: inner = "10.0.0.5"'
        raise BadInput([f"{host}: nobody said at which IP address the other hosts reach it"], hint=hint) from None


def _shown(session: Session, words: str = "show") -> Node:
    """Return what a host is. Raises `BadInput` where it has no Ray."""
    return Node(**_ask(session, words))


def _ask(session: Session, words: str, given: str = "") -> dict[str, Any]:
    """Call the program on a host, as the account. Raises `BadInput` and `GpurigError`."""
    command = f"test -x {_PROGRAM.partition(' ')[0]} || {{ echo missing >&2; exit {_NO_RAY}; }}; {_PROGRAM} {words}"
    try:
        said = pipes.exchange(session, command, given)
    except pipes.CommandFailed as error:
        if str(error) == "missing":
            raise BadInput([f"{session.host} has no Ray"], hint="fab setup-ray, on all hosts") from error
        raise GpurigError(f"{session.host} could not be let in: {error}") from error
    # What a shell's start-up file says comes before it.
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _is_up(session: Session) -> bool:
    return session.root(f"{_THERE} && systemctl is-active --quiet {UNIT}")[0] == 0


def _restart(session: Session) -> None:
    """Have a host begin with what it was told, and wait until it has. Raises `GpurigError` with its last words."""
    # How often it began before counts no more.
    code, said = session.root(f"systemctl reset-failed {UNIT}; systemctl restart {UNIT}")
    until = time.monotonic() + SECONDS
    look = f"{_THERE} || systemctl show -P NRestarts {UNIT}"
    while not code:
        _, restarts = session.root(look)
        if not restarts.strip():
            return
        code = int(restarts) >= TRIES or time.monotonic() > until
        time.sleep(1)
    _, words = session.root(f"journalctl --no-pager -n 12 -o cat -u {UNIT}")
    raise GpurigError(f"{UNIT} does not begin on {session.host}: {(said + words).strip()[-2000:]}")
