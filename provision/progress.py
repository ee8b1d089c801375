"""Show a run to the user: a live line on a terminal, plain lines elsewhere, raw events with `--json`."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

from provision.errors import StepFailed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provision.bundle import Bundle
    from provision.inventory import Host
    from provision.wire import Event

_WAS = {
    "missing": "",
    "changed": "the recipe changed",
    "broken": "it was there and does not verify any more",
    "interrupted": "it did not come to its end last time",
}


class View(Protocol):
    """Where progress goes."""

    def line(self, text: str) -> None:
        """Show a line that stays."""
        ...

    def now(self, text: str) -> None:
        """Show what is going on at this moment, if there is a place for that."""
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


class LiveView:
    """A terminal: lines that stay, and below them one that moves."""

    def __enter__(self) -> Self:
        from rich.console import Console  # noqa: PLC0415 - 60 ms that other tasks need not pay
        from rich.status import Status  # noqa: PLC0415

        self._console = Console(highlight=False)
        self._status = Status("", console=self._console)
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def line(self, text: str) -> None:
        """Print a line above the moving one."""
        self._console.print(text, markup=False, soft_wrap=True)

    def now(self, text: str) -> None:
        """Replace the moving line."""
        from rich.text import Text  # noqa: PLC0415

        shown = Text(text, no_wrap=True, overflow="ellipsis")
        shown.truncate(max(10, self._console.width - 4))
        self._status.update(shown)


def view() -> PlainView | LiveView:
    """Return the view that fits standard output."""
    return LiveView() if sys.stdout.isatty() else PlainView()


def echo(events: Iterable[Event], host: Host) -> str:
    """Print events as JSON lines; returns how the run ended. Raises `StepFailed` after the last line."""
    ending: Event = {"event": ""}
    for ending in events:
        print(json.dumps({"host": host.name, **ending}), flush=True)
    if ending["event"] == "failed":
        raise _failure(ending, host)
    return str(ending["event"])


class Progress:
    """The events of one run on one host, in words."""

    def __init__(self, host: Host, bundle: Bundle, out: View) -> None:
        self.host = host
        self.bundle = bundle
        self.out = out
        self.width = max(len(step.name) for step in bundle.steps)
        self.began = time.monotonic()

    def show(self, events: Iterable[Event]) -> str:
        """Show a run as it goes; returns how it ended: "ready" or "unchanged". Raises `StepFailed`."""
        ending = ""
        for event in events:
            ending = str(event["event"])
            shown = getattr(self, f"_{ending}", None)
            if shown is not None:
                shown(event)
        return ending

    def _unchanged(self, event: Event) -> None:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(event["since"])) if event["since"] else "now"
        count = f"all {len(self.bundle.steps)} steps verified" if len(self.bundle.steps) > 1 else "verified"
        self.out.line(f"{self.bundle.name} on {self.host}: nothing to do, {count} (ready since {since})")

    def _started(self, _event: Event) -> None:
        self.out.line(f"{self.bundle.name} on {self.host}: {' → '.join(step.name for step in self.bundle.steps)}")

    def _waiting(self, event: Event) -> None:
        self.out.line(f"{self.host} is busy with {event['name']}; waiting for that to end")

    def _joined(self, event: Event) -> None:
        self.out.line(f"{event['name']} is being installed on {self.host} already; following that run")

    def _log(self, event: Event) -> None:
        self.out.now(f"{event['step']}: {event['line']}")

    def _step(self, event: Event) -> None:
        name, state = f"  {event['step']:<{self.width}}", event["state"]
        if state == "installing":
            remarks = "; ".join([*event["notes"], *filter(None, [_WAS[event["was"]]])])
            self.out.line(f"{name}  installing{f' ({remarks})' if remarks else ''}")
        elif state == "installed":
            self.out.line(f"{name}  installed in {event['seconds']:.0f} s")
        elif state == "found":
            self.out.line(f"{name}  was there already, not by gpurig; taken as it is")
        elif state == "present":
            self.out.line(f"{name}  present")
        else:
            self.out.now(f"{event['step']}: {state}")

    def _reboot(self, event: Event) -> None:
        self.out.line(f"  {event['step']:<{self.width}}  asks for a reboot; going on after it")

    def _failed(self, event: Event) -> None:
        raise _failure(event, self.host)

    def _ready(self, event: Event) -> None:
        self.out.line(f"{event['name']} is ready on {self.host} after {time.monotonic() - self.began:.0f} s")


def _failure(event: Event, host: Host) -> StepFailed:
    """Return the error of a failed step, with the last lines of its log."""
    tail = "\n".join(f"  | {line}" for line in event["tail"])
    undo = f"\nto take it off again: {event['undo']}" if event["undo"] else ""
    message = f'step "{event["step"]}" failed on {host}: {event["why"]}\n{tail}'
    hint = f"the whole log: fab ssh --command 'sudo cat {event['log']}'\nthe same command goes on from this step{undo}"
    return StepFailed(message.rstrip(), hint=hint)
