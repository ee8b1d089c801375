"""SSH to a host: Fabric's connection, with known host keys only, Nagle's algorithm off and a keepalive."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import fabric
import paramiko

from provision.model.errors import BadInput, Unreachable, UntrustedHost
from provision.transport import host_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provision.model.host import Host

# paramiko's threads log what went wrong, with a traceback; what reaches the user is the error that comes of it.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

KEEPALIVE = 15
SILENCE = 60
"""Seconds without a sign of life (the program on the box gives one every 10) that mean that a connection is lost."""
CONNECT_SECONDS = 10
BOOT_SECONDS = 30
"""How long to come back to an EC2 machine that is up and whose sshd is not."""
TURNED_AWAY_SECONDS = 5
"""How long to come back to an sshd that hangs up before it has said who it is (`MaxStartups`)."""


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


class _Refuse(paramiko.MissingHostKeyPolicy):
    """Says no to every host whose key is not known already."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def missing_host_key(self, client: object, hostname: str, key: paramiko.PKey) -> NoReturn:
        """Refuse, and say how the key becomes known."""
        del client, hostname
        host = self.host
        message = f"the key of {host} is not known: {key.get_name()} {key.fingerprint}"
        if host.instance_id:
            raise UntrustedHost(message, hint=f"it is none of those on the console of {host.instance_id}")
        login = f"ssh -p {host.port} {host.user}@{host.address}"
        hint = f"compare it at the machine, then add it to your known_hosts by `{login}`, once"
        raise UntrustedHost(message, hint=hint)


class Connection(fabric.Connection):  # type: ignore[misc] # fabric has no types
    """Fabric's connection to one of our hosts."""

    def __init__(self, host: Host, config: Any = None, *, tell: Callable[[str], None] = print) -> None:
        # A configuration of its own: to write into one is to build all of it anew, and several hosts' threads share it.
        copy = None if config is None else config.clone()
        super().__init__(host.address, user=host.user, port=host.port, config=copy)
        self._set(rig_host=host, tell=tell)
        key = os.environ.get("GPURIG_SSH_KEY")
        if key and not self.connect_kwargs.get("key_filename"):
            self.connect_kwargs["key_filename"] = [key]
        self.connect_kwargs.setdefault("timeout", CONNECT_SECONDS)
        self.client.set_missing_host_key_policy(_Refuse(host))

    def open(self) -> Any:
        """Connect. Raises `Unreachable` or `UntrustedHost`."""
        if self.is_connected:
            return None
        host = self.rig_host
        for path in self.connect_kwargs.get("key_filename") or ():
            if not Path(path).expanduser().exists():
                raise BadInput(
                    [f"there is no private key {path}"], hint="it comes from -i, $GPURIG_SSH_KEY or ssh_config"
                )
        self._trust()
        try:
            result = self._let_in()
        except paramiko.BadHostKeyException as error:
            message = f"{host} shows another host key than the one that is pinned; somebody may stand in between"
            hint = f"if you rebuilt the machine yourself: ssh-keygen -R {host.address}"
            raise UntrustedHost(message, hint="" if host.instance_id else hint) from error
        except paramiko.PasswordRequiredException as error:
            hint = "fab --prompt-for-passphrase …, or load it once: ssh-add"
            raise Unreachable(f"your private key for {host} has a passphrase", hint=hint) from error
        except (OSError, paramiko.SSHException, EOFError) as error:
            raise _unreachable(host, error) from error
        self.transport.set_keepalive(KEEPALIVE)
        return result

    def _let_in(self) -> Any:
        """Connect, again where the other side turns us away for the moment.

        A machine that EC2 has just started refuses until its sshd listens; an sshd that many ask at once hangs up.
        """
        host, began, announced = self.rig_host, time.monotonic(), False
        while True:
            try:
                self._dial()
                return super().open()
            except ConnectionRefusedError:
                if not host.instance_id or time.monotonic() > began + BOOT_SECONDS:
                    raise
                if not announced:
                    self.tell(f"{host} takes no connections yet: waiting for its sshd")
                announced = True
            except (paramiko.SSHException, ConnectionResetError) as error:
                away = isinstance(error, ConnectionResetError) or "SSH protocol banner" in str(error)
                if not away or time.monotonic() > began + TURNED_AWAY_SECONDS:
                    raise
            # At random, so that those who were turned away do not come back together.
            time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - no secret

    def _dial(self) -> None:
        """Make the TCP connection here: paramiko leaves Nagle's algorithm on, and small packets wait 40 ms each."""
        if self.gateway:
            return
        sock = socket.create_connection((self.host, self.port), self.connect_kwargs["timeout"])
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connect_kwargs["sock"] = sock

    def _trust(self) -> None:
        """Tell the client which keys to accept: those pinned for an EC2 host, else the user's known_hosts."""
        host = self.rig_host
        if not host.instance_id:
            self.client.load_system_host_keys()
            return
        name = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
        for line in host_keys.pinned(host) or host_keys.pin(host, self.tell):
            entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{name} {line}")
            if entry is not None:
                self.client.get_host_keys().add(name, entry.key.get_name(), entry.key)


def _unreachable(host: Host, error: Exception) -> Unreachable:
    """Return the error of a connection that did not come about, with the most likely way out."""
    if isinstance(error, paramiko.AuthenticationException) or "No authentication methods" in str(error):
        hint = "name the private key of the public key that the host knows: fab -i ~/.ssh/id_ed25519 …"
        return Unreachable(f"{host} refuses user {host.user} and your SSH keys", hint=hint)
    hint = "is it on, and is that its address?"
    if host.instance_id:
        hint = "is it running, and does the security group allow the address that you have now? `pulumi up` tells"
    return Unreachable(f"{host} does not answer on port {host.port}: {error}", hint=hint)


def ssh_command(host: Host, *, identity: str = "") -> list[str]:
    """Return the OpenSSH command line that connects as `Connection` does."""
    key = identity or os.environ.get("GPURIG_SSH_KEY", "")
    pins = ["-o", f"UserKnownHostsFile={host_keys.known_hosts()}", "-o", f"HostKeyAlias={host.instance_id}"]
    # The file that `Connection` reads: ssh by itself would not ask $HOME where it is.
    known = ["-o", f'UserKnownHostsFile="{Path.home()}/.ssh/known_hosts"']
    return [
        *("ssh", "-p", str(host.port), "-o", "StrictHostKeyChecking=yes", "-o", f"ServerAliveInterval={KEEPALIVE}"),
        *(pins if host.instance_id else known),
        *(("-i", key, "-o", "IdentitiesOnly=yes") if key else ()),
        f"{host.user}@{host.address}",
    ]
