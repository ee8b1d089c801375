"""SSH to a host: Fabric's connection, with known host keys only, Nagle's algorithm off and a keepalive."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fabric
import paramiko

from provision.model.access import SSM, Jump
from provision.model.errors import BadInput, GpurigError, Unreachable, UntrustedHost
from provision.model.host import Host
from provision.transport import ahead, host_keys, known_hosts, way, whereabouts
from provision.transport.refusals import is_hung_up, is_refusal, unreachable
from provision.transport.unknown_key import Refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# paramiko's threads log what went wrong, with a traceback; what reaches the user is the error that comes of it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CONNECT_SECONDS = 10
LOOK_SECONDS = 3
"""How long an EC2 machine may keep silent before EC2 is asked whether it is there: one SYN more than the first."""
BOOT_SECONDS = 30
"""How long to come back to an EC2 machine that is up and whose sshd is not."""
TURNED_AWAY_SECONDS = 5
"""How long to come back to an sshd that hangs up before it has said who it is (`MaxStartups`)."""
LOGINS = 32
"""How many log in at once: the others wait where that costs nothing, not in the middle of a key exchange. To dial is
no part of it: a host that is silent keeps no other waiting."""
BY_GATEWAY = 8
"""The same through a ProxyJump of the user's ssh_config, a login there for each host: sshd's own limit is ten."""
_LOGINS, _BY_GATEWAY = threading.BoundedSemaphore(LOGINS), threading.BoundedSemaphore(BY_GATEWAY)


class Dropped(Unreachable):
    """The connection ended before the answer did."""

    def __init__(self, host: Host, why: str) -> None:
        self.why = why
        super().__init__(f"the connection to {host} was lost: {why}", hint="the same command again")


@contextlib.contextmanager
def dropping(host: Host) -> Iterator[None]:
    """Raise `Dropped` for what paramiko raises where a connection that was open ends."""
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise Dropped(host, str(error) or type(error).__name__) from error


class Connection(fabric.Connection):  # type: ignore[misc] # fabric has no types
    """Fabric's connection to one of our hosts."""

    rig_host: Host
    """The host, at the address where it was found."""
    route: way.Way
    no_answer: str
    """Why EC2 could not be asked where it is."""
    login: dict[str, Any] | None
    """How it was logged in to, until that is kept for the next command; None where that cannot begin with it."""
    early: Any
    """The channel of a program that waits there for a request, None where there is none."""
    waits: bool
    """Whether a machine that was made just now is waited for until it has booted."""

    def __init__(
        self, host: Host, config: Any = None, *, tell: Callable[[str], None] = print, waits: bool = True
    ) -> None:
        # A configuration of its own: to write into one is to build all of it anew, and several hosts' threads share it.
        copy = None if config is None else config.clone()
        host = whereabouts.known(host)
        # What is not said of a machine in between is as the user's ssh_config has it.
        login = {"user": host.user or None, "port": host.port or None}
        straight = {"gateway": False} if host.jump or host.access == SSM else {}
        super().__init__(host.address or host.instance_id, config=copy, **login, **straight)
        host = dataclasses.replace(host, user=self.user, port=self.port)

        def link() -> Connection:
            return Connection(_machine_between(Jump.read(host.jump)), config, tell=tell)

        begun = {"login": None, "early": None}
        self._set(rig_host=host, tell=tell, waits=waits, no_answer="", route=way.of(host, link), **begun)
        key = os.environ.get("GPURIG_SSH_KEY")
        if key and not self.connect_kwargs.get("key_filename"):
            self.connect_kwargs["key_filename"] = [key]
        self.connect_kwargs.setdefault("timeout", CONNECT_SECONDS)
        self.client.set_missing_host_key_policy(Refuse(host))

    def open(self) -> Any:
        """Connect. Raises `Unreachable` or `UntrustedHost`."""
        if self.is_connected:
            return None
        for path in self.connect_kwargs.get("key_filename") or ():
            if not Path(path).expanduser().exists():
                raise BadInput(
                    [f"there is no private key {path}"], hint="it comes from -i, $GPURIG_SSH_KEY or ssh_config"
                )
        try:
            result = self._find() if self.rig_host.instance_id else self._let_in(BOOT_SECONDS)
        except paramiko.BadHostKeyException as error:
            host = self.rig_host
            message = f"{host} shows another host key than the one that is pinned; somebody may stand in between"
            hint = f"if you rebuilt the machine yourself: ssh-keygen -R {host.address}"
            raise UntrustedHost(message, hint="" if host.instance_id else hint) from error
        except paramiko.PasswordRequiredException as error:
            hint = "fab --prompt-for-passphrase …, or load it once: ssh-add"
            raise Unreachable(f"your private key for {self.rig_host} has a passphrase", hint=hint) from error
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise unreachable(self.rig_host, error, self.no_answer) from error
        self.transport.set_keepalive(way.KEEPALIVE)
        return result

    def _find(self) -> Any:
        """Connect to an EC2 host; where it is not what answers at its address, ask EC2 first where it is.

        One that answers there costs no question. Raises `NotRunning` besides what `_let_in` does.
        """
        host = self.rig_host
        # The console, which has the key of a new one, would be waited for in vain where that is off.
        if host.address and host_keys.pinned(host):
            try:
                return self._let_in(0, LOOK_SECONDS)
            except (OSError, paramiko.SSHException, EOFError) as error:
                if is_refusal(error):
                    raise
        self._look_up()
        return self._let_in(0 if self.no_answer else BOOT_SECONDS)

    def _look_up(self) -> None:
        """Ask EC2 where the host is, and turn there; where EC2 gives no answer, the recorded address has to do."""
        host = self.rig_host
        try:
            found = whereabouts.look_up(host, self.tell)
        except Unreachable:
            raise
        except GpurigError as error:
            self.no_answer = str(error)
            if not host.address:
                raise Unreachable(f"no address is recorded of {host}", hint=self.no_answer) from error
            return
        self.rig_host = found
        self.host = found.address

    def _let_in(self, patience: float, seconds: float | None = None) -> Any:
        """Connect, again where the other side turns us away for the moment.

        A machine that EC2 has just started refuses until its sshd listens, and is waited for `patience` seconds; an
        sshd that many ask at once hangs up. `seconds`: to wait for an answer at all, where not as long as configured.
        """
        host, began, announced = self.rig_host, time.monotonic(), False
        self._trust()
        turned_away = 0.0
        while True:
            try:
                return self._attempt(seconds or self.connect_kwargs["timeout"])
            except ConnectionRefusedError:
                if not host.instance_id or time.monotonic() >= began + patience:
                    raise
                if not announced:
                    self.tell(f"{host} takes no connections yet: waiting for its sshd")
                announced = True
            except (paramiko.SSHException, ConnectionResetError) as error:
                turned_away = turned_away or time.monotonic()
                if not is_hung_up(error) or time.monotonic() > turned_away + TURNED_AWAY_SECONDS:
                    raise
            # At random, so that those who were turned away do not come back together.
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - no secret

    def _attempt(self, seconds: float) -> Any:
        """Go the way and, in turn, log in, once. A gateway of the user's own ssh_config is Fabric's business."""
        self.login = login = self._login(seconds)
        if begun := ahead.taken(login):
            self.client, self.transport, self.early = begun.client, begun.client.get_transport(), begun.channel
            return None
        if not self.gateway:
            self.connect_kwargs["sock"] = self.route.dial(self._there, seconds)
        with _BY_GATEWAY if self.gateway else _LOGINS:
            try:
                result = super().open()
            except (OSError, EOFError, paramiko.SSHException):
                self.client.close()
                self.route.explain()
                raise
        ahead.remember(login)
        return result

    def _login(self, seconds: float) -> dict[str, Any] | None:
        """Return all that decides how an attempt goes, as plain data; None where more than that does."""
        options = {name: value for name, value in self.connect_kwargs.items() if name != "sock" and value != []}
        straight = isinstance(self.route, way.Straight) and not (self.gateway or self.connect_timeout)
        if self.authentication.identities:  # -i: a key for this one command
            return None
        if not straight or options.keys() - ahead.OPTIONS or self.authentication.strategy_class:
            return None
        keys = host_keys.pinned(self.rig_host) if self.rig_host.instance_id else None
        where = {"name": self._known_as, "address": self.host, "port": self.port, "user": self.user}
        return {**where, "seconds": seconds, "keys": keys, "options": options}

    @property
    def _there(self) -> Host:
        """The host at the name that Fabric has for it, which the user's ssh_config may know another for."""
        return dataclasses.replace(self.rig_host, address=self.host)

    def close(self) -> None:
        """Close the connection, or what there is of one that did not come about, and what it went through."""
        super().close()
        self.client.close()
        if isinstance(self.gateway, fabric.Connection):  # a ProxyCommand is a str, whose program ends with the client
            self.gateway.close()
        self.route.close()

    def _trust(self) -> None:
        """Tell the client which keys to accept: those pinned for an EC2 host, else the user's known_hosts."""
        host, name = self.rig_host, self._known_as
        if host.instance_id:
            patience = host_keys.PATIENCE if self.waits else host_keys.LOOK
            keys = host_keys.pinned(host) or host_keys.pin(host, self.tell, patience)
            known_hosts.trust(self.client, name, keys)
        else:
            known_hosts.trust(self.client, name)

    @property
    def _known_as(self) -> str:
        """What a host is called where its keys are."""
        return known_hosts.name_of(self.host, self.port)


def _machine_between(jump: Jump) -> Host:
    """Return a machine to go through as a host: one of the user's own, which his known_hosts knows."""
    return Host(name=str(jump), address=jump.host, user=jump.user, port=jump.port or 0)
