"""EC2's reads, which may be behind its writes: the answer of before, once more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.cloud.calls import Call
    from rehearsal.cloud.replay import Answer

KEPT = 500
NOT_YET = {
    "DescribeInstances": ("InstanceId", "InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "DescribeVolumes": ("VolumeId", "InvalidVolume.NotFound", "The volume '{}' does not exist."),
    "DescribeVpcs": ("VpcId", "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    "DescribeSubnets": ("SubnetId", "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    "DescribeSecurityGroups": ("GroupId", "InvalidGroup.NotFound", "The security group '{}' does not exist"),
    "DescribeRouteTables": ("RouteTableId", "InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
}
"""What was never asked about before is not there yet: the parameter that names it, the code and the message."""


class Reads:
    """The last answer to each question that only reads."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[object, ...], Answer] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, call: Call, answer: Answer) -> None:
        """Keep an answer."""
        if not call.read_only or answer.status >= 300:
            return
        with self._lock:
            self._last[_question(call)] = answer
            self._last.move_to_end(_question(call))
            while len(self._last) > KEPT:
                self._last.popitem(last=False)

    def before(self, call: Call) -> Answer | None:
        """Return what the same question was answered the last time, None where nobody has asked it."""
        with self._lock:
            return self._last.get(_question(call))

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._last.clear()


def not_yet(call: Call) -> tuple[str, str] | None:
    """Return code and message of something that is named and not there yet; None for a question that names nothing."""
    name, code, message = NOT_YET.get(call.action, ("", "", ""))
    named = [value for key, value in call.params if name and key == name]
    return (code, message.format(named[0])) if named else None


def _question(call: Call) -> tuple[object, ...]:
    return (call.service, call.action, call.params)
