"""Faults on order: a call that matches is refused, delayed, or done with its answer lost."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.calls import Call


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with the next `times` calls of `action`: an error `code`, a delay, a lost answer, or several."""

    action: str
    match: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Parameters that the call must have; a key may be the end of a dotted one (`SubnetId`)."""
    code: str = ""
    """The AWS error code of the refusal; empty: not refused."""
    message: str = ""
    status: int = 400
    """The HTTP status of the refusal; SDKs try again at 500 and above."""
    times: int = 1
    seconds: float = 0.0
    """How long the answer is held back before anything else happens."""
    lose: bool = False
    """Do what was asked, then drop the connection without an answer."""

    def hits(self, call: Call) -> bool:
        """Tell whether the fault is meant for this call."""
        return call.action == self.action and all(
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
                if fault.hits(call):
                    left = dataclasses.replace(fault, times=fault.times - 1)
                    self._armed[position : position + 1] = [left] if left.times > 0 else []
                    return fault
        return None

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()
