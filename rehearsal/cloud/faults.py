"""Faults on order: a call that matches is refused, delayed, cut off, answered as before, or done in silence."""

from __future__ import annotations

import dataclasses
import fnmatch
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.calls import Call


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with the next `times` calls of `action`: an error `code`, a delay, a lost answer, or several."""

    action: str
    """RunInstances, or a pattern (`Describe*`, `*`)."""
    match: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Parameters that the call must have; a key may be the end of a dotted one (`SubnetId`)."""
    code: str = ""
    """The AWS error code of the refusal; empty: not refused."""
    message: str = ""
    status: int = 400
    """The HTTP status of the refusal; SDKs try again at 500 and above."""
    times: int = 1
    after: int = 0
    """So many calls that match go through first."""
    seconds: float = 0.0
    """How long the answer is held back before anything else happens."""
    lose: bool = False
    """Do what was asked, then drop the connection without an answer."""
    cut: bool = False
    """Drop the connection with nothing done."""
    stale: bool = False
    """Answer a question as it was answered before, as if nothing had been written since; what is new is not found."""
    expired: bool = False
    """Refuse as the services refuse a session that has run out."""
    skew: float = 0.0
    """Refuse as the services refuse a caller whose clock is so many seconds behind theirs; below zero, ahead."""

    def hits(self, call: Call) -> bool:
        """Tell whether the fault is meant for this call."""
        return fnmatch.fnmatchcase(call.action, self.action) and all(
            any(value == wanted and (name == key or name.endswith("." + key)) for name, value in call.params)
            for key, wanted in self.match.items()
        )


class Faults:
    """The faults that are armed, first armed first taken."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._lock = threading.Lock()

    def arm(self, fault: Fault) -> None:
        """Add a fault."""
        with self._lock:
            self._armed.append(fault)

    def take(self, call: Call) -> Fault | None:
        """Return the first fault that hits the call, counted down by one."""
        with self._lock:
            for position, fault in enumerate(self._armed):
                if fault.hits(call) and fault.after:
                    self._armed[position] = dataclasses.replace(fault, after=fault.after - 1)
                elif fault.hits(call):
                    left = dataclasses.replace(fault, times=fault.times - 1)
                    self._armed[position : position + 1] = [left] if left.times > 0 else []
                    return fault
        return None

    def armed(self) -> int:
        """Return how many faults have not come to their end."""
        with self._lock:
            return len(self._armed)

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()
