"""What was done on a host and when: the steps of each setup, the runs and the boots, with the ends of their logs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from provision.model.errors import GpurigError
from provision.work import runs
from provision.work.runs import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.transport.inventory import Host
    from provision.transport.session import Session
    from provision.transport.wire import Event

HOST = ("runs_host", "journal_host")
"""What answers on the host: modules of ours, the last one's `main` called."""
CHECKED = ("checking", "present", "found")
"""States of a step that wrote no log."""
_WAS = {
    "changed": "the recipe, the settings or the volume of the box had changed",
    "broken": "it was there and did not verify any more",
    "interrupted": "it had not come to its end before",
}
_KEPT = {
    "whole": "taken from the job volume",
    "built": "its build taken from the job volume",
    "full": "the job volume has no room to keep all of it",
}
INSTALLING, CUT_OFF, FAILED, REBOOT = "installing", "cut off", "failed", "reboot"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tail:
    """The end of a log."""

    lines: tuple[str, ...]
    whole: bool
    """Whether that is all of it."""
    size: int | None = None
    """Bytes of the whole log; None where it is gone, and these lines were kept elsewhere."""
    why: str = ""
    """Why there is none, where that is not for want of a log."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a setup, from its check to its end."""

    name: str
    state: str
    """present, found, installing (now), installed, failed, reboot (it asked for one), or cut off; or a newer word."""
    begin: float
    """Seconds of UTC, by the host's clock, as are all times here."""
    end: float | None
    """None while it goes on. Where it was cut off: when that was seen at the latest."""
    notes: tuple[str, ...] = ()
    """What was chosen, why it was installed once more, and what was at hand already."""
    why: str = ""
    """Why it failed."""
    log: Tail | None = None
    """None where a later install of the same step has overwritten it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setup:
    """One run of the runner: the steps of a bundle, in order; a reboot in the middle does not end it."""

    name: str
    state: str
    """ready, failed, installing (now) or cut off."""
    begin: float
    end: float | None
    why: str
    steps: tuple[Step, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boot:
    """The time from a boot of the machine to its end."""

    begin: float
    end: float | None
    """The last sign of life; None: it is up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Journal:
    """All that one host tells."""

    host: Host
    now: float
    """When it told, by its own clock."""
    boots: tuple[Boot, ...]
    setups: tuple[Setup, ...]
    runs: tuple[Run, ...]
    """The newest first, as `fab ps` has them."""
    run_logs: Mapping[str, Tail]

    @classmethod
    def of(cls, session: Session, *, lines: int, logs: int) -> Self:
        """Ask a host. `lines`: of each log, the last so many; `logs`: of so many runs, the newest."""
        answers = list(runs.ask(session, "journal", HOST, lines=lines, logs=logs))
        told = next((answer for answer in answers if answer["event"] == "journal"), None)
        if told is None:
            said = "".join(f": {answer['line']}" for answer in answers[-1:])
            raise GpurigError(f"{session.host} answered nothing about what was done on it{said}")
        return cls.from_document(session.host, told, [answer for answer in answers if answer["event"] == "tail"])

    @classmethod
    def from_document(cls, host: Host, told: Event, tails: Sequence[Event]) -> Self:
        """Read what a host has told."""
        logs = {
            (row["kind"], row["name"]): Tail(
                lines=tuple(row["lines"]), whole=row["whole"], size=row["size"], why=row["why"]
            )
            for row in tails
        }
        boots = [Boot(begin=begin, end=end) for begin, end in told["boots"]]
        boots[-1:] = [dataclasses.replace(boot, end=None) for boot in boots[-1:]]
        setups = _setups(told["events"], told["alive"], [*(boot.end for boot in boots if boot.end), told["now"]])
        return cls(
            host=host,
            now=told["now"],
            boots=tuple(boots),
            setups=_with_logs(setups, {name: log for (kind, name), log in logs.items() if kind == "step"}),
            runs=tuple(Run.from_document(row) for row in told["runs"]),
            run_logs={name: log for (kind, name), log in logs.items() if kind == "run"},
        )


def _setups(events: Sequence[Event], alive: str, ends: Sequence[float]) -> list[Setup]:
    """Return the runs of the runner, one after the other; `alive`: the one that goes on; `ends`: of each boot, and now.

    One whose beginning was not told is left out.
    """
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event["run"], []).append(event)
    told = [group for group in groups.values() if group[0]["event"] == "start"]
    # A run that another one came after was over then, whether it could say so or not.
    later = [*(group[0]["at"] for group in told[1:]), ends[-1]]
    return [
        _Reader(alive=group[0]["run"] == alive, ends=[*ends, bound]).read(group)
        for group, bound in zip(told, later, strict=False)
    ]


@dataclasses.dataclass
class _Reader:
    """Makes a setup of its events."""

    alive: bool
    ends: Sequence[float]
    """Moments each of which ends all that had begun before it; the last one at the latest."""
    steps: list[Step] = dataclasses.field(default_factory=list)
    open: Step | None = None

    def read(self, events: Sequence[Event]) -> Setup:
        first, last = events[0], events[-1]
        for event in events:
            getattr(self, f"_{event['event']}", self._other)(event)
        state = {"ready": "ready", "failed": FAILED, "reboot": REBOOT}.get(last["event"], CUT_OFF)
        if self.alive:
            state = INSTALLING
            self.steps += [dataclasses.replace(self.open, end=None)] if self.open else []
        elif self.open:
            self._close(CUT_OFF, self._over(self.open.begin))
        end = None if self.alive else max([last["at"], *(step.end or 0 for step in self.steps)])
        why = last.get("why", "")
        return Setup(name=first["name"], state=state, begin=first["at"], end=end, why=why, steps=tuple(self.steps))

    def _over(self, begin: float) -> float:
        return min((end for end in self.ends if end >= begin), default=self.ends[-1])

    def _close(self, state: str, end: float, **more: Any) -> None:
        if self.open:
            self.steps.append(dataclasses.replace(self.open, state=state, end=end, **more))
        self.open = None

    def _start(self, event: Event) -> None:
        """Begin, or go on after a boot that came without a word."""
        if self.open:
            self._close(CUT_OFF, min(event["at"], self._over(self.open.begin)))

    def _step(self, event: Event) -> None:
        name, state, at = event["step"], event["state"], event["at"]
        if self.open is None or self.open.name != name:
            self.open = Step(name=name, state=state, begin=at, end=None)
        said = (_WAS.get(event.get("was", "")), _KEPT.get(event.get("kept", "")))
        notes = (*self.open.notes, *event.get("notes", ()), *filter(None, said))
        self.open = dataclasses.replace(self.open, state=state, notes=notes)
        if "seconds" in event:
            self._close(state, at)

    def _reboot(self, event: Event) -> None:
        self._close(REBOOT, event["at"])

    def _failed(self, event: Event) -> None:
        kept = Tail(lines=tuple(event["tail"]), whole=False) if event["tail"] else None
        self._close(FAILED, event["at"], why=event["why"], log=kept)

    def _other(self, event: Event) -> None:
        """Of another event nothing is to be kept."""


def _with_logs(setups: Sequence[Setup], logs: Mapping[str, Tail]) -> tuple[Setup, ...]:
    """Return the setups with each log at the last install that wrote to it; the others' are gone."""
    left = dict(logs)
    found: list[Setup] = []
    for setup in reversed(setups):
        steps = [
            dataclasses.replace(step, log=left.pop(step.name))
            if step.name in left and step.state not in CHECKED
            else step
            for step in reversed(setup.steps)
        ]
        found.append(dataclasses.replace(setup, steps=tuple(reversed(steps))))
    return tuple(reversed(found))
