"""The boxes of a stack up again: a stopped one is started, one that is gone is made anew around its job volume.

Pulumi stays the only one that makes things: what is gone is brought by `pulumi up`, with the settings as they are.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from provision.aws import instances
from provision.aws.instances import NoInstance
from provision.model.errors import GpurigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provision.model.host import Host

GONE = "gone"
UP = ("pulumi", "up", "--yes", "--skip-preview", "--refresh", "--non-interactive")
"""With a refresh: without one Pulumi does not look whether a box is still there."""
SPOT_TAKEN = "Server.SpotInstanceTermination"
"""The reason that EC2 gives for an instance that it took back."""


Away = list[tuple["Host", str]]
"""Hosts that are not up, each with its state: stopping, stopped, shutting-down, or `GONE`."""


def away(hosts: Iterable[Host]) -> Away:
    """Return the hosts that are not up.

    A machine that is none of EC2's is never among them. Raises `GpurigError` where the account gives no answer.
    """
    states = [(host, _state(host)) for host in hosts if host.instance_id]
    return [(host, state) for host, state in states if state not in (instances.RUNNING, instances.PENDING)]


def _state(host: Host) -> str:
    try:
        state = instances.find(host).state
    except NoInstance:
        return GONE
    return GONE if state == instances.TERMINATED else state


def why(host: Host) -> str:
    """Say how a host came to be away, as far as EC2 tells."""
    try:
        found = instances.find(host)
    except NoInstance:
        return f"EC2 knows no {host.instance_id} any more"
    if found.state in (instances.TERMINATED, instances.SHUTTING_DOWN):
        return f"EC2 took {found.id} back" if SPOT_TAKEN in found.reason else f"{found.id} is terminated"
    return f"{found.id} is {found.state}"


def bring(missing: Away, tell: Callable[[str], None]) -> None:
    """Have hosts that are `away` up: start those that are stopped, and have Pulumi make those that are gone.

    The addresses of all of them are others afterwards. Raises `GpurigError`.
    """
    for host, state in missing:
        if state in (instances.STOPPING, instances.STOPPED):
            tell(f"starting {host.instance_id} of {host.name}{_price(host)}")
            if state == instances.STOPPING:
                instances.wait(host, instances.STOPPED)
            instances.start(host)
    gone = [host for host, state in missing if state in (GONE, instances.SHUTTING_DOWN)]
    if gone:
        for host in gone:
            _wait_until_gone(host)
        prices = ", ".join(f"{host.name}{_price(host)}" for host in gone)
        tell(f"bringing the next box for {prices}: {' '.join(UP)}")
        _up()


def _price(host: Host) -> str:
    return "" if host.price_per_hour is None else f" (${host.price_per_hour:.2f}/h on demand)"


def _wait_until_gone(host: Host) -> None:
    """Wait until an instance holds its volume no more."""
    deadline = time.monotonic() + instances.PATIENCE
    while _state(host) != GONE:
        if time.monotonic() > deadline:
            raise GpurigError(f"{host.instance_id} of {host} is still shutting down after {instances.PATIENCE} s")
        time.sleep(instances.LOOK)


def _up() -> None:
    hint = "nothing was started again; once it works, the same command goes on: fab resume"
    try:
        done = subprocess.run(UP, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise GpurigError("there is no `pulumi` on PATH, and the box is gone", hint=hint) from error
    if done.returncode:
        raise GpurigError(f"pulumi up ended with exit code {done.returncode}: what it said is above", hint=hint)
