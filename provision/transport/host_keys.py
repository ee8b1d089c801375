"""Which host key to trust. An EC2 instance prints its keys on its console, which only the account's owner can read."""

from __future__ import annotations

import base64
import threading
import time
from typing import TYPE_CHECKING

from provision.model.errors import UntrustedHost
from provision.model.local_file import replace_text
from provision.model.project import local_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provision.model.host import Host

BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----", "-----END SSH HOST KEY KEYS-----"
PATIENCE = 600
"""Seconds to wait for the console output: EC2 shows it a few minutes after a boot."""
LOOK = 20
"""The same, for who only wants to look what a box does."""
LOOKS = 10
"""Consoles that are looked at in a second, of all hosts together: in the long run EC2 answers an account 20 questions
of a kind in a second (EC2 Developer Guide, "Request throttling for the Amazon EC2 API")."""
# Several new hosts are pinned at once, in one file.
_LOCK = threading.Lock()
_LOOKING: set[str] = set()
"""The instances whose consoles are looked at."""


def keys_in(console: str) -> list[str]:
    """Return the host keys ("ssh-ed25519 AAAA…") of the last block that cloud-init printed; an empty list if none."""
    if BEGIN not in console or END not in console.rpartition(BEGIN)[2]:
        return []
    block = console.rpartition(BEGIN)[2].partition(END)[0]
    words = [line.split() for line in block.splitlines()]
    return [" ".join(row[:2]) for row in words if _is_key(row)]


def _is_key(words: list[str]) -> bool:
    """Tell whether these are a key's type and its whole key: the kernel's messages cut through lines of a console."""
    if len(words) < 2:
        return False
    try:
        rest = base64.b64decode(words[1], validate=True)
    except ValueError:
        return False
    fields = []
    while rest:  # RFC 4251: each field after its length in four bytes
        end = 4 + int.from_bytes(rest[:4], "big")
        if len(rest) < max(end, 4):
            return False
        fields.append(rest[4:end])
        rest = rest[end:]
    return len(fields) >= 2 and fields[0] == words[0].encode()


def known_hosts() -> Path:
    """Return the file of pinned keys, in OpenSSH's format, one line per key with the instance id as the host's name."""
    return local_folder() / "known_hosts"


def pinned(host: Host) -> list[str]:
    """Return the keys pinned for an EC2 host."""
    rows = [line.split() for line in _lines()]
    return [" ".join(row[1:]) for row in rows if row[:1] == [host.instance_id] and _is_key(row[1:])]


def _lines() -> list[str]:
    path = known_hosts()
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def pin(host: Host, tell: Callable[[str], None], patience: float = PATIENCE) -> list[str]:
    """Read an EC2 host's keys from its console and pin them. Raises `UntrustedHost` when none shows up in time."""
    with _LOCK:
        _LOOKING.add(host.instance_id)
    try:
        keys = _shown(host, tell, patience)
    finally:
        with _LOCK:
            _LOOKING.discard(host.instance_id)
    with _LOCK:
        others = [line for line in _lines() if line.split()[:1] != [host.instance_id]]
        _write([*others, *(f"{host.instance_id} {key}" for key in keys)])
    return keys


def _shown(host: Host, tell: Callable[[str], None], patience: float) -> list[str]:
    """Return the keys that a console shows, once it does."""
    deadline = time.monotonic() + patience
    announced = False
    while not (keys := keys_in(_console(host))):
        if time.monotonic() > deadline:
            message = f"no host key of {host} on the console of {host.instance_id} after {patience:g} s"
            hint = f"look at it: aws ec2 get-console-output --instance-id {host.instance_id}"
            if patience < PATIENCE:
                hint = (
                    f"one that was made just now shows it within minutes, and `fab setup` waits for that; else {hint}"
                )
            raise UntrustedHost(message, hint=hint)
        if not announced:
            tell(f"waiting for the console of {host.instance_id}: it says which host key to trust")
            announced = True
        time.sleep(max(1.0, len(_LOOKING) / LOOKS))
    return keys


def _write(lines: list[str]) -> None:
    """Replace the pins."""
    path = known_hosts()
    path.parent.mkdir(exist_ok=True)
    replace_text(path, "".join(f"{line}\n" for line in lines))


def _console(host: Host) -> str:
    """Return the instance's console output so far."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - paid once per instance

    from provision.aws import clients  # noqa: PLC0415

    try:
        client = clients.client("ec2", host.profile, host.region)
        # `Latest` is there on Nitro instances only, which every GPU type of the table is.
        answer = client.get_console_output(InstanceId=host.instance_id, Latest=True)
    except (BotoCoreError, ClientError) as error:
        message = f"cannot read the console of {host.instance_id}, which vouches for its host key: {error}"
        from provision.model.aws_settings import profile_of  # noqa: PLC0415

        profile = profile_of(host.profile)
        whose = f'of the profile "{profile}" (aws:profile)' if profile else "such as $AWS_PROFILE names"
        hint = f"AWS credentials with ec2:GetConsoleOutput are needed once per instance, {whose}"
        raise UntrustedHost(message, hint=hint) from error
    return str(answer.get("Output", ""))
