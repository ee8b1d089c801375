"""Where an EC2 host is now: a stop takes its address, a start gives another, and its instance id stays."""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import TYPE_CHECKING, Any

from provision.model.access import PUBLIC
from provision.model.errors import GpurigError, Unreachable
from provision.model.local_file import replace_text
from provision.model.words import minute
from provision.transport import background, host_keys, ssh_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from provision.aws.instances import Instance
    from provision.model.host import Host

# Several hosts are found at once, in one file.
_LOCK = threading.Lock()
ANSWER_SECONDS = 15
_AGAIN = (
    "`pulumi up --refresh` makes another one, with the same job volume\n"
    "`fab resume` does that, and goes on with what was cut off"
)
_ITSELF = "Client.InstanceInitiatedShutdown"


class NotRunning(Unreachable):
    """EC2 says that the host is off, or gone: it is no use to try again before somebody starts it."""


def known(host: Host) -> Host:
    """Return a host at the address that was found last, where the recorded one is still the one that was wrong then."""
    if not host.instance_id:
        return host
    recorded, found = _read().get(host.instance_id, ("", ""))
    return dataclasses.replace(host, address=found) if found and recorded == host.address else host


def remember(host: Host, address: str) -> None:
    """Keep the address of a host for the commands to come, beside the one that is recorded for it."""
    with _LOCK:
        rows = _read()
        recorded, found = rows.get(host.instance_id, (host.address, ""))
        # A host that `known` has moved carries the address that was found before.
        rows[host.instance_id] = (recorded if host.address == found else host.address, address)
        path = _file()
        path.parent.mkdir(exist_ok=True)
        replace_text(path, json.dumps(rows, indent=1) + "\n")
        ssh_config.follow(host, address)


def look_up(host: Host, tell: Callable[[str], None]) -> Host:
    """Ask EC2 where a host is, and return it at its present address; one that is being started is waited for.

    Raises `NotRunning` where it is off or gone, and `GpurigError` where EC2 gives no answer.
    """
    from provision.aws import instances  # noqa: PLC0415 - EC2 is asked where nobody answers

    try:
        instance = _asked(host)
        if instance.state == instances.PENDING:
            tell(f"{host} is being started: waiting until it runs")
            instance = instances.wait(host, instances.RUNNING)
    except instances.NoInstance as error:
        raise NotRunning(f"{host.name} is gone: EC2 knows no {host.instance_id}", hint=_AGAIN) from error
    if instance.state != instances.RUNNING:
        raise off(host, instance)
    address = instance.address if host.access == PUBLIC else instance.private
    if not address:
        hint = "the subnet of the stack gives one at each start; without one there is no way to it from here"
        raise Unreachable(f"{host} runs, and has no public address", hint=hint)
    if address != host.address:
        tell(f"{host.name} is at {address} now")
        remember(host, address)
    return dataclasses.replace(host, address=address)


def _asked(host: Host) -> Instance:
    """Ask EC2 for a host's instance, as long as a user would wait: without a network each try takes a minute."""
    from provision.aws import instances  # noqa: PLC0415

    try:
        return background.begin(lambda: instances.find(host)).result(ANSWER_SECONDS)
    except TimeoutError as error:
        message = f"EC2 did not answer within {ANSWER_SECONDS} s about {host.instance_id}"
        raise GpurigError(message, hint="the same command again, in a minute, once there is a way to AWS") from error


def off(host: Host, instance: Instance) -> NotRunning:
    """Return the error of a host that does not run: what it is, since when, and what starts it."""
    from provision.aws import instances  # noqa: PLC0415

    name = f"{host.name} ({host.instance_id})"
    itself = " (it switched itself off)" if instance.reason == _ITSELF else ""
    since = f" since {minute(instance.stopped)}" if instance.stopped else ""
    start = f"to start it: fab start --limit {host.name}"
    words = {
        instances.STOPPING: (f"{name} is stopping{itself}", f"{start} (it waits until the stop is through)"),
        instances.STOPPED: (f"{name} is stopped{since}{itself}", start),
        instances.SHUTTING_DOWN: (f"{name} is being terminated{itself}", _AGAIN),
        instances.TERMINATED: (f"{name} was terminated{_why(instance)}{itself}", _AGAIN),
    }
    message, hint = words.get(instance.state, (f"{name} is {instance.state}", start))
    return NotRunning(message, hint=hint)


def _why(instance: Instance) -> str:
    taken = instance.reason in ("Server.SpotInstanceTermination", "Server.SpotInstanceShutdown")
    return ": EC2 took the spot instance back" if taken else ""


def _file() -> Path:
    """Return the file of found addresses: instance id → the recorded address, and the one in its place."""
    return host_keys.known_hosts().with_name("addresses.json")


def _read() -> dict[str, Any]:
    try:
        rows = json.loads(_file().read_text(encoding="utf-8"))
        return {key: (recorded, found) for key, (recorded, found) in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}  # nothing that EC2 could not tell again
