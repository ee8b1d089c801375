"""EC2's reads, which may be some seconds behind its writes: the answer of before, once more."""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.cloud.calls import Call
    from rehearsal.cloud.replay import Answer

KEPT = 500
BEHIND = 15.0
"""Seconds by which a read may be behind: what was answered or made longer ago is known."""
_COMPLETED = re.compile(
    rb"<snapshotId>(snap-[0-9a-f]+)</snapshotId>(?:(?!<snapshotId>).)*<status>completed<", re.DOTALL
)
_ID = re.compile(rb">((?:i|vol|vpc|subnet|sg|rtb)-[0-9a-f]{8,17})<")
NOT_YET = {
    "DescribeInstances": ("InstanceId", "InvalidInstanceID.NotFound", "The instance ID '{}' does not exist"),
    "DescribeVolumes": ("VolumeId", "InvalidVolume.NotFound", "The volume '{}' does not exist."),
    "DescribeVpcs": ("VpcId", "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    "DescribeSubnets": ("SubnetId", "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    "DescribeSecurityGroups": ("GroupId", "InvalidGroup.NotFound", "The security group '{}' does not exist"),
    "DescribeRouteTables": ("RouteTableId", "InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
}
"""What is not there yet: the parameter that names it, the code and the message."""


class Reads:
    """The last answer to each question that only reads, and what was made just now."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[object, ...], tuple[float, Answer]] = OrderedDict()
        self._made: dict[str, float] = {}
        self._completed: set[bytes] = set()
        self._lock = threading.Lock()

    def note(self, call: Call, answer: Answer) -> None:
        """Keep an answer."""
        if answer.status >= 300:
            return
        now = time.monotonic()
        with self._lock:
            if not call.read_only:
                for made in _ID.findall(answer.body) if call.action.startswith(("Create", "Run")) else ():
                    self._made.setdefault(made.decode(), now)
                return
            if call.action == "DescribeSnapshots":
                self._forget_before(set(_COMPLETED.findall(answer.body)))
            self._last[_question(call)] = (now, answer)
            self._last.move_to_end(_question(call))
            while len(self._last) > KEPT:
                self._last.popitem(last=False)

    def _forget_before(self, completed: set[bytes]) -> None:
        """No answer is from before a completed snapshot: EC2 takes far longer for one than a read may be behind."""
        if completed - self._completed:
            self._completed |= completed
            for question in [one for one in self._last if "DescribeSnapshots" in one]:
                del self._last[question]

    def before(self, call: Call) -> Answer | None:
        """Return what the same question was answered just before, None where nobody has asked it then."""
        with self._lock:
            then, answer = self._last.get(_question(call), (0.0, None))
        return answer if time.monotonic() - then < BEHIND else None

    def not_yet(self, call: Call) -> tuple[str, str] | None:
        """Return code and message of something that is named and was made just now; None for other questions."""
        name, code, message = NOT_YET.get(call.action, ("", "", ""))
        new = time.monotonic() - BEHIND
        with self._lock:
            named = [value for key, value in call.params if key == name and self._made.get(value, 0.0) > new]
        return (code, message.format(named[0])) if named else None

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._last.clear()
            self._made.clear()
            self._completed.clear()


def _question(call: Call) -> tuple[object, ...]:
    return (call.service, call.action, call.params)
