"""What was done on a host and when: the steps of each setup, the runs and the boots, with the ends of their logs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Self

from provision.agent.verbs import Verb
from provision.agent.words import Kept, Kind, StepState
from provision.history.moments import Boot, Notice, Stop
from provision.model.errors import GpurigError
from provision.model.run import Run
from provision.model.schema import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.agent.wire import answers, setups
    from provision.model.host import Host
    from provision.transport.session import Session

CHECKED = (StepState.CHECKING, StepState.PRESENT, StepState.FOUND, StepState.FITTING)
"""States of a step that wrote no log."""
CUT_OFF = "cut off"
"""The state of a step or setup that has neither ended nor goes on."""
_WAS = {
    StepState.CHANGED: "its recipe had changed",
    StepState.BROKEN: "it was there and did not verify any more",
    StepState.INTERRUPTED: "it had not come to its end before",
}
_KEPT = {
    Kept.BUILT: "its build taken from the job volume",
    Kept.LENT: "its build taken from the bucket",
    Kept.FULL: "the job volume has no room to keep all of it",
}


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
    """One setup: the steps of a bundle, in order; a reboot in the middle does not end it."""

    name: str
    state: str
    """ready, failed, installing (now) or cut off."""
    begin: float
    end: float | None
    why: str
    steps: tuple[Step, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Journal:
    """All that one host tells."""

    host: Host
    now: float
    """When it told, by its own clock."""
    boots: tuple[Boot, ...]
    stops: tuple[Stop, ...]
    """The last first."""
    setups: tuple[Setup, ...]
    runs: tuple[Run, ...]
    """The newest first, as `fab ps` has them."""
    run_logs: Mapping[str, Tail]
    notices: tuple[Notice, ...] = ()

    @classmethod
    def of(cls, session: Session, *, lines: int, logs: int) -> Self:
        """Ask a host. `lines`: of each log, the last so many; `logs`: of so many runs, the newest."""
        told, tails, said = None, [], ""
        for event in session.ask({"verb": Verb.JOURNAL, "lines": lines, "logs": logs}):
            if event["event"] == Kind.JOURNAL:
                told = event
            elif event["event"] == Kind.TAIL:
                tails.append(event)
            elif event["event"] == Kind.LOG:
                said = f": {event['line']}"
        if told is None:
            raise GpurigError(f"{session.host} did not tell what was done on it{said}")
        try:
            return cls.from_events(session.host, told, tails)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise GpurigError(f"{session.host} tells of itself what cannot be read: {plain(repr(error))}") from error

    @classmethod
    def from_events(cls, host: Host, told: answers.Journal, tails: Sequence[answers.Tail]) -> Self:
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
            stops=tuple(Stop(at=row["at"], why=row["text"]) for row in reversed(told["stops"])),
            setups=_with_logs(setups, {name: log for (kind, name), log in logs.items() if kind == "step"}),
            runs=tuple(Run.from_row(row) for row in told["runs"]),
            notices=tuple(
                Notice(what=one["what"], at=one["at"], ends=max(one["ends"], one["at"]), why=one["why"])
                for one in told["notices"]
            ),
            run_logs={name: log for (kind, name), log in logs.items() if kind == "run"},
        )


def _setups(events: Sequence[setups.Recorded], alive: str, ends: Sequence[float]) -> list[Setup]:
    """Return the setups, one after the other; `alive`: the one that goes on; `ends`: of each boot, and now.

    One whose beginning was not told is left out.
    """
    groups: dict[str, list[setups.Recorded]] = {}
    for event in events:
        groups.setdefault(event["run"], []).append(event)
    told = [group for group in groups.values() if group[0]["event"] == Kind.START]
    # A setup that another one came after was over then, whether it could say so or not.
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
    """In the order in which they began."""
    open: dict[str, int] = dataclasses.field(default_factory=dict)
    """Those that go on: name → number."""

    def read(self, events: Sequence[setups.Recorded]) -> Setup:
        first, last = events[0], events[-1]
        for event in events:
            self._take(event)
        ended = last["event"] in (Kind.READY, Kind.FAILED, Kind.REBOOT)
        state = str(StepState.INSTALLING if self.alive else last["event"] if ended else CUT_OFF)
        if not self.alive:
            self._cut_off(self.ends[-1])
        end = None if self.alive else max([last["at"], *(step.end or 0 for step in self.steps)])
        why = last["why"] if last["event"] == Kind.FAILED else ""
        name = first["name"] if first["event"] == Kind.START else ""
        return Setup(name=name, state=state, begin=first["at"], end=end, why=why, steps=tuple(self.steps))

    def _cut_off(self, at: float) -> None:
        """Close all that goes on, at a moment or when its boot was over before that."""
        for name, number in list(self.open.items()):
            over = min((end for end in self.ends if end >= self.steps[number].begin), default=self.ends[-1])
            self._close(name, CUT_OFF, min(at, over))

    def _close(self, name: str, state: str, end: float, **more: Any) -> None:
        if name in self.open:
            number = self.open.pop(name)
            self.steps[number] = dataclasses.replace(self.steps[number], state=state, end=end, **more)

    def _take(self, event: setups.Recorded) -> None:
        """Note what an event tells of the steps that are open."""
        if event["event"] == Kind.STEP:
            self._step(event)
        elif event["event"] == Kind.REBOOT:
            self._close(event["step"], str(Kind.REBOOT), event["at"])
        elif event["event"] == Kind.FAILED:
            self._failed(event)
        elif event["event"] == Kind.START:  # it goes on after a boot that came without a word
            self._cut_off(event["at"])

    def _step(self, event: setups.StepEvent) -> None:
        name, state, at = event["step"], str(event["state"]), event["at"]
        if name not in self.open:
            self.open[name] = len(self.steps)
            self.steps.append(Step(name=name, state=state, begin=at, end=None))
        number = self.open[name]
        step = self.steps[number]
        said = (_WAS.get(event.get("was", StepState.MISSING)), _KEPT.get(event.get("kept", Kept.NOTHING)))
        notes = (*step.notes, *event.get("notes", ()), *filter(None, said))
        self.steps[number] = dataclasses.replace(step, state=state, notes=notes, why=event.get("why", ""))
        if "seconds" in event:
            self._close(name, state, at)

    def _failed(self, event: setups.Failed) -> None:
        """Note why a step failed, and what its log said. It is over already where steps beside it ended after it."""
        kept = Tail(lines=tuple(event["tail"]), whole=False) if event["tail"] else None
        self._close(event["step"], str(Kind.FAILED), event["at"], why=event["why"])
        for number, step in reversed([*enumerate(self.steps)]):
            if step.name == event["step"]:
                self.steps[number] = dataclasses.replace(step, log=kept)
                return


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
