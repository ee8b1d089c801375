"""Which host key to trust. An EC2 instance prints its keys on its console, which only the account's owner can read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.errors import UntrustedHost

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.inventory import Host

BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"
PATIENCE = 600
"""Seconds to wait for the console output: EC2 shows it a few minutes after a boot."""


def keys_in(console: str) -> list[str]:
    """Return the host keys ("ssh-ed25519 AAAA…") of the last block that cloud-init printed; an empty list if none."""
    if BEGIN not in console or END not in console.rpartition(BEGIN)[2]:
        return []
    block = console.rpartition(BEGIN)[2].partition(END)[0]
    words = [line.split() for line in block.splitlines()]
    return [" ".join(row[:2]) for row in words if len(row) >= 2 and row[0].startswith(("ssh-", "ecdsa-"))]


def known_hosts() -> Path:
    """Return the file of pinned keys, in OpenSSH's format, one line per key with the instance id as the host's name."""
    return Path(".gpurig") / "known_hosts"


def pinned(host: Host) -> list[str]:
    """Return the keys pinned for an EC2 host."""
    path = known_hosts()
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{host.instance_id} ")]


def pin(host: Host, tell: Callable[[str], None]) -> list[str]:
    """Read an EC2 host's keys from its console and pin them. Raises `UntrustedHost` when none shows up in time."""
    deadline = time.monotonic() + PATIENCE
    told = False
    while not (keys := keys_in(_console(host))):
        if time.monotonic() > deadline:
            message = f"no host key of {host} on the console of {host.instance_id} after {PATIENCE} s"
            raise UntrustedHost(
                message, hint=f"look at it: aws ec2 get-console-output --instance-id {host.instance_id}"
            )
        if not told:
            tell(f"waiting for the console of {host.instance_id}: it says which host key to trust")
            told = True
        time.sleep(1)
    path = known_hosts()
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{host.instance_id} {key}\n" for key in keys)
    return keys


def _console(host: Host) -> str:
    """Return the instance's console output so far."""
    import boto3  # noqa: PLC0415 - 300 ms, paid once per instance
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        ec2 = boto3.client("ec2", region_name=host.region)
        # `Latest` is there on Nitro instances only, which every GPU type of the table is.
        answer = ec2.get_console_output(InstanceId=host.instance_id, Latest=True)
    except (BotoCoreError, ClientError) as error:
        message = f"cannot read the console of {host.instance_id}, which vouches for its host key: {error}"
        raise UntrustedHost(
            message, hint="AWS credentials with ec2:GetConsoleOutput are needed once per instance"
        ) from error
    return str(answer.get("Output", ""))
