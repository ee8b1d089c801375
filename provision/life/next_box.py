"""The boxes of a stack that are not up, and the next ones: Pulumi makes them anew, around the same job volumes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provision.aws import instances
from provision.aws.instances import NoInstance
from provision.life.up import UP, is_capacity, update
from provision.model.errors import GpurigError
from provision.transport import whereabouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from provision.model.host import Host

GONE = (instances.SHUTTING_DOWN, instances.TERMINATED)


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


def bring(gone: Sequence[Host], tell: Callable[[str], None]) -> list[str]:
    """Have Pulumi make the boxes of these hosts anew, with the settings as they are.

    Returns AWS's codes where it was refused for capacity, [] where they are made. Raises `GpurigError` for what else
    went wrong.
    """
    for host in gone:
        # Until then it holds its volume, and Pulumi takes it for one that is there.
        instances.wait_until_ended(host.profile, host.region, [host.instance_id])
    prices = ", ".join(f"{host.name}{_price(host)}" for host in gone)
    tell(f"bringing the next box for {prices}: pulumi {' '.join(UP)}")
    failed, codes = update()
    if failed and not is_capacity(codes):
        hint = "what it said is above; nothing was started again: once it works, the same command goes on"
        raise GpurigError("`pulumi up` failed, and the box is gone", hint=hint)
    return codes if failed else []


def _price(host: Host) -> str:
    return "" if host.price_per_hour is None else f" (${host.price_per_hour:.2f}/h on demand)"
