"""Show a run to the user: a live line on a terminal, plain lines elsewhere, raw events with `--json`."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

from provision.agent.words import Kept, Kind, StepState
from provision.model.errors import StepFailed
from provision.model.words import minute
from provision.screen import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import RenderableType
    from rich.live import Live
    from rich.spinner import Spinner

    from provision.agent.wire.events import Event
    from provision.agent.wire.setups import Failed, StepEvent
    from provision.model.host import Host

FRAMES_PER_SECOND = 8
_WAS = {
    StepState.CHANGED: "its recipe changed",
    StepState.BROKEN: "it was there and does not verify any more",
    StepState.INTERRUPTED: "it did not come to its end last time",
}

_KEPT = {
    Kept.BUILT: ", what it builds taken from the job volume",
    Kept.LENT: ", what it builds taken from the bucket",
    Kept.FULL: "; the job volume has no room to keep all of it for the next box",
}


class View(Protocol):
    """Where the progress on one host goes; with several hosts, each has its own."""

    def line(self, text: str) -> None:
        """Show a line that stays; with several hosts, under the host's name."""
        ...

    def now(self, text: str) -> None:
        """Show what is going on at this moment, a line for each thing that does, if there is a place for that."""
        ...

    def block(self, text: str) -> None:
        """Print lines together and as they are: a screen, a table, a line of JSON."""
        ...

    def tell(self, text: str) -> None:
        """Say something that is no result: on standard error, so that `--json` and pipes stay clean."""
        ...


class PlainView:
    """Lines only: a file, a pipe, a log of CI."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def line(self, text: str) -> None:
        """Print a line at once."""
        print(text, flush=True)

    def now(self, text: str) -> None:
        """Show nothing: a log needs no flicker."""

    def block(self, text: str) -> None:
        """Print lines at once."""
        print(text, flush=True)

    def tell(self, text: str) -> None:
        """Print on standard error."""
        print(text, file=sys.stderr, flush=True)


class LiveView(PlainView):
    """A terminal: lines that stay, and below them what moves, from the first time that there is something in it."""

    _live: Live | None = None
    _spinner: Spinner

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def line(self, text: str) -> None:
        """Print a line above the moving one."""
        above(self._live, text)

    block = line

    def tell(self, text: str) -> None:
        """Print on standard error, above the moving line where that is on the same terminal."""
        above(self._live, text, error=True)

    def now(self, text: str) -> None:
        """Replace what moves."""
        from rich.text import Text  # noqa: PLC0415 - 60 ms that other tasks need not pay

        if self._live is None:
            from rich.spinner import Spinner  # noqa: PLC0415

            self._spinner = Spinner("dots")
            self._live = live(lambda: self._spinner)
        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in text.split("\n")]
        for line in lines:
            line.truncate(max(10, self._live.console.width - 4))
        # Below the first, which has the spinner before it.
        self._spinner.update(text=Text("\n  ").join(lines))


def live(shown: Callable[[], RenderableType], *, by_itself: bool = True) -> Live:
    """Begin to show on the terminal what `shown` returns each time; drawn `by_itself`, or by the caller's `refresh`."""
    from rich.live import Live  # noqa: PLC0415 - 60 ms that what is over soon need not pay

    started = Live(
        console=terminal.console(highlight=False),
        get_renderable=shown,
        auto_refresh=by_itself,
        refresh_per_second=FRAMES_PER_SECOND,
        transient=True,
        redirect_stderr=sys.stderr.isatty(),
    )
    started.start()
    return started


def above(shown: Live | None, text: str, *, error: bool = False) -> None:
    """Print lines, above what moves on a terminal if something does; `error`: on standard error."""
    stream = sys.stderr if error else sys.stdout
    if shown is None or (error and not sys.stderr.isatty()):
        print(text, file=stream, flush=True)
    else:
        # Long lines stay whole, to be copied.
        shown.console.print(text, markup=False, soft_wrap=True)


def view() -> PlainView:
    """Return the view that fits standard output."""
    return LiveView() if terminal.moves() else PlainView()


def echo(events: Iterable[Event], host: Host, out: View) -> None:
    """Print the events of a setup as JSON lines. Raises `StepFailed` after the last one."""
    failed = None
    for event in events:
        out.block(json.dumps({"host": host.name, **event}))
        failed = event if event["event"] == Kind.FAILED else None
    if failed is not None:
        raise _failure(failed, host)


class Progress:
    """The events of one setup on one host, in words; `name`: of its bundle, `steps`: their names."""

    def __init__(self, host: Host, name: str, steps: Sequence[str], out: View) -> None:
        self.host, self.name, self.steps, self.out = host, name, steps, out
        self.width = max(map(len, steps))
        self.going: dict[str, str] = {}
        """What each step that goes on does now, those that began first before the others."""
        self.began = time.monotonic()

    def show(self, events: Iterable[Event]) -> Kind | None:
        """Show a setup as it goes; returns how it ended: READY or UNCHANGED. Raises `StepFailed`."""
        ending = None
        for event in events:
            ending = Kind(event["event"])
            self._show(event)
        return ending

    def _show(self, event: Event) -> None:
        if event["event"] == Kind.STEP:
            self._step(event)
        elif event["event"] == Kind.LOG:
            self._now(event["step"], event["line"])
        elif event["event"] == Kind.UNCHANGED:
            since = minute(event["since"]) if event["since"] else "now"
            count = f"all {len(self.steps)} steps verified" if len(self.steps) > 1 else "verified"
            self.out.line(f"{self.name} on {self.host}: nothing to do, {count} (ready since {since})")
        elif event["event"] == Kind.STARTED:
            self.out.line(f"{self.name} on {self.host}: {' → '.join(self.steps)}")
        elif event["event"] == Kind.WAITING:
            self.out.line(f"{self.host} is busy with {event['name']}; waiting for that to end")
        elif event["event"] == Kind.JOINED:
            self.out.line(f"{event['name']} is being installed on {self.host} already; following that run")
        elif event["event"] == Kind.REBOOT:
            self.out.line(f"  {event['step']:<{self.width}}  asks for a reboot; going on after it")
        elif event["event"] == Kind.READY:
            self.out.line(f"{event['name']} is ready on {self.host} after {time.monotonic() - self.began:.0f} s")
        elif event["event"] == Kind.FAILED:
            raise _failure(event, self.host)

    def _now(self, step: str, text: str) -> None:
        """Show what a step does, with the others that go on; "": it does no more."""
        self.going[step] = text
        self.going = {name: said for name, said in self.going.items() if said}
        self.out.now("\n".join(f"{name}: {said}" for name, said in self.going.items()))

    def _step(self, event: StepEvent) -> None:
        name, state = f"  {event['step']:<{self.width}}", event["state"]
        self._now(event["step"], "" if "seconds" in event else state)
        if state == StepState.INSTALLING:
            remarks = "; ".join(filter(None, [*event["notes"], _WAS.get(event["was"])]))
            self.out.line(f"{name}  installing{f' ({remarks})' if remarks else ''}")
        elif state == StepState.INSTALLED:
            self.out.line(
                f"{name}  installed in {event['seconds']:.0f} s{_KEPT.get(event.get('kept', Kept.NOTHING), '')}"
            )
        elif state == StepState.FAILED:
            self.out.line(f"{name}  failed: {event['why']}")
        elif state == StepState.FOUND:
            self.out.line(f"{name}  was there already, not by gpurig; taken as it is")
        elif state == StepState.FITTING:
            self.out.line(f"{name}  fits the new settings; taken as it is")
        elif state == StepState.PRESENT:
            self.out.line(f"{name}  present")


def _failure(event: Failed, host: Host) -> StepFailed:
    """Return the error of a failed step, with the last lines of its log."""
    tail = "\n".join(f"  | {line}" for line in event["tail"])
    undo = f"\nto take it off again: {event['undo']}" if event["undo"] else ""
    if before := event.get("before"):
        there = f"{event['step']} {before['version']} of {minute(before['at'])}"
        undo = f"\nwhat was there before stays in use, as far as it works: {there}"
    message = f'step "{event["step"]}" failed on {host}: {event["why"]}\n{tail}'
    left = "".join(f"\n{name}: {why}" for name, why in event.get("left", {}).items())
    whole = f"the whole log: fab ssh --limit {host.name} --command 'sudo cat {event['log']}'"
    hint = f"{whole}\nthe same command goes on from this step{undo}{left}"
    return StepFailed(message.rstrip(), hint=hint)
