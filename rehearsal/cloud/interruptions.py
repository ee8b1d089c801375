"""Spot instances that EC2 takes back: the recommendation, the two-minute notice, and the end.

The codes and states are those of the EC2 User Guide, "Spot request status codes" and "Spot Instance interruptions".
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instances import StateReason

from rehearsal.cloud import clock
from rehearsal.cloud.hooks import spot_request
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable

NOTICE_SECONDS = 120
CAUSES = {
    "no-capacity": "Your Spot Instance was terminated because there is no longer available Spot capacity.",
    "by-price": "Your Spot Instance was terminated because the Spot price exceeds your maximum price.",
}
REASON = "Server.SpotInstanceTermination"


@dataclasses.dataclass(frozen=True)
class Notice:
    """What EC2 has told an instance; moments in seconds of UTC, by the cloud's clock."""

    recommended: float | None = None
    """When it was told that its risk has risen."""
    ends: float | None = None
    """When it is taken."""


class Interruptions:
    """The notices of one cloud; `find` returns an instance by its id."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find
        self._notices: dict[str, Notice] = {}

    def notice_of(self, instance_id: str) -> Notice:
        """Return what an instance was told so far."""
        return self._notices.get(instance_id, Notice())

    def interrupt(
        self,
        instance_id: str,
        *,
        seconds: float = NOTICE_SECONDS,
        rebalance: bool = False,
        cause: str = "no-capacity",
    ) -> dict[str, Any]:
        """Give a running spot instance its notice, and take it when that is over.

        `rebalance`: only recommend to leave it, which takes nothing. Raises `RehearsalError` for what cannot be taken.
        """
        instance, now = self._find(instance_id), clock.now()
        request = spot_request(instance) if instance is not None else None
        if request is None or instance.state != "running":
            raise RehearsalError(f"{instance_id} is no running spot instance: EC2 takes no other")
        if cause not in CAUSES:
            raise RehearsalError(f"{cause} is no cause of an interruption; there are {', '.join(CAUSES)}")
        told = self.notice_of(instance_id)
        if rebalance:
            self._notices[instance_id] = dataclasses.replace(told, recommended=now)
            return {"noticeTime": now}
        if told.ends is not None:
            raise RehearsalError(f"{instance_id} has its notice already")
        self._notices[instance_id] = dataclasses.replace(told, ends=now + seconds)
        request._status_code = "marked-for-termination"  # noqa: SLF001 - it has no other name
        request.status_message = "Your Spot Instance is marked for termination."
        clock.current().at(now + seconds, lambda: _take(instance, cause))
        return {"time": now + seconds}


def _take(instance: Any, cause: str) -> None:
    """Shut an instance down and end it in EC2's name; one that has ended by itself meanwhile stays as it is."""
    if instance.state != "running":
        return
    instance.terminate()
    if (request := spot_request(instance)) is not None:
        request._status_code = f"instance-terminated-{cause}"  # noqa: SLF001 - as above
        request.status_message = CAUSES[cause]
    instance._reason = REASON  # noqa: SLF001 - as above
    instance.state_reason = StateReason(f"{REASON}: Spot instance termination", REASON)
