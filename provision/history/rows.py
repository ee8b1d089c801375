"""What a journal holds as rows of a page: the steps of each setup and the runs, each with its log and its words."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provision.agent.words import Kind, RunState, StepState
from provision.history.journal import CHECKED, CUT_OFF
from provision.model.words import took

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.history.journal import Journal, Setup, Step, Tail
    from provision.history.moments import Notice
    from provision.model.run import Run

# State → how it is drawn; what is not here is as any of its kind.
TONES: dict[str, str] = {
    **dict.fromkeys(CHECKED, "quiet"),
    **dict.fromkeys((StepState.INSTALLING, RunState.RUNNING), "going"),
    Kind.FAILED: "bad",
    **dict.fromkeys((CUT_OFF, RunState.STOPPED, RunState.LOST, RunState.INTERRUPTED), "lost"),
}
_WORDS: dict[str, str] = {
    StepState.CHECKING: "checking now",
    StepState.FOUND: "taken as found",
    StepState.FITTING: "fits the new settings",
    StepState.INSTALLING: "installing now",
    Kind.REBOOT: "asked for a reboot",
    RunState.RUNNING: "running now",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A step or a run: a bar on the axis, and a line below it that unfolds to its log."""

    id: str
    kind: str
    """step, run or notice."""
    name: str
    state: str
    tone: str
    """quiet, going, bad, lost; "": it came to its end."""
    begin: float
    end: float
    """Seconds of UTC. Of what goes on: when the host told of it."""
    took: str
    note: str
    """What went wrong or is special about a step; what a run does."""
    facts: tuple[tuple[str, str], ...] = ()
    """What is said above its log."""
    log: Tail | None = None

    @property
    def title(self) -> str:
        """What its bar says when it is pointed at."""
        return ", ".join(filter(None, (self.name, self.state, self.took, self.note)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """The rows of one setup, or all runs of a host."""

    title: str
    summary: str
    begin: float | None
    rows: tuple[Row, ...]


def sections(journal: Journal, identifier: str) -> Iterator[Section]:
    """Yield a host's setups, in order, and its runs; `identifier`: what the rows' own begin with."""
    for number, setup in enumerate(journal.setups):
        rows = tuple(_step(step, journal.now, f"{identifier}-{number}-{i}") for i, step in enumerate(setup.steps))
        summary = _summary(setup, journal.now)
        yield Section(title=f"setup {setup.name}", summary=summary, begin=setup.begin, rows=rows)
    if journal.notices:
        rows = tuple(_notice(one, f"{identifier}-notice-{i}") for i, one in enumerate(journal.notices))
        yield Section(title="EC2", summary="what it told this spot box", begin=None, rows=rows)
    if journal.runs:
        told = [(run, journal.run_logs.get(run.name)) for run in reversed(journal.runs)]
        rows = tuple(_run(run, log, f"{identifier}-run-{run.name}") for run, log in told)
        yield Section(title="runs", summary=_counted(journal.runs), begin=None, rows=rows)


def _summary(setup: Setup, now: float) -> str:
    """Say how a setup ended, or that it goes on."""
    if setup.state == StepState.INSTALLING:
        return f"going on for {took(now - setup.begin)}"
    length = took((setup.end or now) - setup.begin)
    words: dict[str, str] = {
        Kind.READY: f"ready after {length}",
        Kind.FAILED: f"failed after {length}",
        Kind.REBOOT: "waits for a reboot",
    }
    return words.get(setup.state, "cut off") + (f": {setup.why}" if setup.why else "")


def _step(step: Step, now: float, identifier: str) -> Row:
    end = now if step.end is None else step.end
    length = took(end - step.begin)
    # How far it got before it was cut off, nobody saw.
    length = f"≤ {length}" if step.state == CUT_OFF else length
    return Row(
        id=identifier,
        kind="step",
        name=step.name,
        state=_WORDS.get(step.state, step.state),
        tone=TONES.get(step.state, ""),
        begin=step.begin,
        end=max(end, step.begin),
        took=length,
        note="; ".join(filter(None, (step.why, *step.notes))),
        facts=(("why", step.why),) if step.why else (),
        log=step.log,
    )


def _notice(notice: Notice, identifier: str) -> Row:
    names = {"rebalance": "is likelier to take it", "taken": "EC2 takes the box", "left": "volume let go of"}
    ends = notice.ends if notice.what == "taken" else notice.at
    return Row(
        id=identifier,
        kind="notice",
        name=names.get(notice.what, notice.what),
        state=notice.what,
        tone="bad" if notice.what == "taken" or notice.why else "",
        begin=notice.at,
        end=ends,
        took=took(ends - notice.at),
        note=notice.why,
    )


def _run(run: Run, log: Tail | None, identifier: str) -> Row:
    facts = {"asked for": run.asked, "command": run.command, "why": run.why, "recipe": run.recipe}
    facts |= {"in": run.folder, "kept in": run.path}
    code = "" if run.code in (None, 0) else f", exit code {run.code}"
    return Row(
        id=identifier,
        kind="run",
        name=run.name,
        state=f"{_WORDS.get(run.state, run.state)}{code}",
        tone=TONES.get(run.state, ""),
        begin=run.since,
        end=run.since + run.seconds,
        took=took(run.seconds),
        note=": ".join(filter(None, (run.why, run.shown))),
        facts=tuple((key, value) for key, value in facts.items() if value),
        log=log,
    )


def _counted(runs: tuple[Run, ...]) -> str:
    """Say how many runs are in each state."""
    states = [run.state for run in runs]
    return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
