"""Faults on order: a call that matches is refused, delayed, or done with its answer lost."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

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

    @classmethod
    def read(cls, document: Any) -> Fault:
        """Check a JSON document; ValueError says all that is wrong with it."""
        document = document if isinstance(document, dict) else {}
        kinds = {"action": str, "match": dict, "code": str, "message": str, "status": int, "times": int, "lose": bool}
        problems = [f"unknown field {key!r}" for key in document.keys() - kinds.keys() - {"seconds"}]
        problems += [
            f"{key} must be a {kind.__name__}"
            for key, kind in kinds.items()
            if key in document and type(document[key]) is not kind
        ]
        if type(document.get("seconds", 0)) not in (int, float):
            problems.append("seconds must be a number")
        if not problems and document.get("times", 1) < 1:
            problems.append("times must be at least 1")
        if not document.get("action"):
            problems.append("action is missing, for example RunInstances")
        if not any(document.get(key) for key in ("code", "seconds", "lose")):
            problems.append("give at least one of code, seconds, lose")
        if problems:
            raise ValueError("; ".join(sorted(problems)))
        return cls(**{**document, "match": {key: str(value) for key, value in document.get("match", {}).items()}})

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

    def armed(self) -> list[dict[str, Any]]:
        """Return what is still armed."""
        with self._lock:
            return [dataclasses.asdict(fault) for fault in self._armed]
