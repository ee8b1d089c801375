"""The boxes of a stack that are not up, and the next ones: Pulumi makes them anew, around the same job volumes."""

from __future__ import annotations

import dataclasses
import subprocess
import time
from typing import TYPE_CHECKING

from provision.aws import instances
from provision.aws.instances import NoInstance
from provision.model.errors import GpurigError
from provision.transport import whereabouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from provision.model.host import Host

GONE = (instances.SHUTTING_DOWN, instances.TERMINATED)
UP = ("pulumi", "up", "--yes", "--skip-preview", "--refresh", "--non-interactive")
"""With a refresh: without one Pulumi does not look whether a box is still there."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Away:
    """A host that is not up."""

    host: Host
    gone: bool
    """Whether its instance will never be up again; else it is stopped, or on its way there."""
    why: str


def away(hosts: Iterable[Host]) -> list[Away]:
    """Return the hosts that are not up. A machine that is none of EC2's is never among them.

    Raises `GpurigError` where the account gives no answer.
    """
    return [found for host in hosts if host.instance_id and (found := _look(host))]


def _look(host: Host) -> Away | None:
    try:
        instance = instances.find(host)
    except NoInstance as error:
        return Away(host=host, gone=True, why=error.what)
    if instance.state in (instances.RUNNING, instances.PENDING):
        return None
    return Away(host=host, gone=instance.state in GONE, why=whereabouts.off(host, instance).what)


def bring(gone: Sequence[Host], tell: Callable[[str], None]) -> None:
    """Have Pulumi make the boxes of these hosts anew, with the settings as they are. Raises `GpurigError`."""
    for host in gone:
        _wait_until_ended(host)
    prices = ", ".join(f"{host.name}{_price(host)}" for host in gone)
    tell(f"bringing the next box for {prices}: {' '.join(UP)}")
    hint = "nothing was started again; once it works, the same command goes on: fab resume"
    try:
        done = subprocess.run(UP, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise GpurigError("there is no `pulumi` on PATH, and the box is gone", hint=hint) from error
    if done.returncode:
        raise GpurigError(f"pulumi up ended with exit code {done.returncode}: what it said is above", hint=hint)


def _price(host: Host) -> str:
    return "" if host.price_per_hour is None else f" (${host.price_per_hour:.2f}/h on demand)"


def _wait_until_ended(host: Host) -> None:
    """Wait until an instance that shuts down holds its volume no more."""
    deadline = time.monotonic() + instances.PATIENCE
    while True:
        try:
            state = instances.find(host).state
        except NoInstance:
            return
        if state != instances.SHUTTING_DOWN:
            return
        if time.monotonic() > deadline:
            raise GpurigError(f"{host.instance_id} of {host} is still shutting down after {instances.PATIENCE} s")
        time.sleep(instances.LOOK)
