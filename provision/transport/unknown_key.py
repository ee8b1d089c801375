"""What becomes of a host whose key nobody knows: no connection, and a word about how the key becomes known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import paramiko

from provision.model.errors import UntrustedHost

if TYPE_CHECKING:
    from provision.model.host import Host


class Refuse(paramiko.MissingHostKeyPolicy):
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
        look = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
        hint = f"compare it at the machine ({look}), then add it to your known_hosts by `{login}`, once"
        raise UntrustedHost(message, hint=hint)
