"""What is said of a connection that did not come about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko

from provision.model.errors import Unreachable

if TYPE_CHECKING:
    from provision.model.host import Host


def is_hung_up(error: Exception) -> bool:
    """Tell whether a machine took the connection and hung up before it had said who it is, as a busy sshd does."""
    return isinstance(error, ConnectionResetError) or "SSH protocol banner" in str(error)


def is_refusal(error: Exception) -> bool:
    """Tell whether a host showed the right key, and then let us not in."""
    return isinstance(error, paramiko.AuthenticationException) or "No authentication methods" in str(error)


def unreachable(host: Host, error: Exception, no_answer: str) -> Unreachable:
    """Return the error of a connection that did not come about, with the most likely way out.

    `no_answer`: why EC2 could not be asked where it is, "" where it was or is not to be.
    """
    if is_refusal(error):
        hint = "name the private key of the public key that the host knows: fab -i ~/.ssh/id_ed25519 …"
        return Unreachable(f"{host} refuses user {host.user} and your SSH keys", hint=hint)
    hint = "is it on, and is that its address?"
    if is_hung_up(error):
        hint = "it takes connections and hangs up: too many log in there at once (MaxStartups in its sshd_config)"
    elif no_answer:
        hint = f"whether it runs, and where, is not known: {no_answer}"
    elif host.instance_id:
        hint = (
            "EC2 says that it runs there: does the security group allow the address that you have now? `pulumi up` "
            f"tells\nwhere it hangs: aws ec2 reboot-instances --instance-ids {host.instance_id}"
        )
    return Unreachable(f"{host} does not answer on port {host.port}: {error}", hint=hint)
