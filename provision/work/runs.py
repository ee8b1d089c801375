"""The runs of one host: commands that go on there by themselves, each a systemd service with a folder of its own."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.agent.words import Kind, RunState
from provision.model.checks import RUN
from provision.model.errors import BadInput, GpurigError, NotHere, RunInterrupted
from provision.model.run import Run
from provision.model.schema import plain
from provision.model.target import Target
from provision.transport import notice
from provision.transport.connection import Dropped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from provision.agent.wire.events import Event
    from provision.agent.wire.requests import Log, Request, Start
    from provision.transport.session import Session

NO_ENV: Mapping[str, str] = {}


def check_name(name: str) -> None:
    """Raise `BadInput` for what cannot be a run's name."""
    if not RUN.holds(name):
        raise BadInput([f'"{plain(name)}": a run\'s name is {RUN.allowed}'])


def _check(command: str, name: str) -> None:
    """Raise `BadInput` for what cannot be started."""
    if name:
        check_name(name)
    if not command.strip():
        raise BadInput(["there is no command to run"], hint="fab run -- python train.py --epochs 3")


class Runs:
    """The runs of one host."""

    def __init__(self, session: Session, target: Target | None = None) -> None:
        self.session = session
        self.target = target
        """What the host is rendered for; needed where a run is to have a recipe's environment."""

    def start(
        self,
        command: str,
        *,
        name: str = "",
        recipe: str = "",
        folder: str = "",
        env: Mapping[str, str] = NO_ENV,
        beside: str = "",
        asked: str = "",
        resume: str | None = "",
    ) -> Run:
        """Start a shell command that goes on by itself, as the account; returns at once.

        `name`: made from the command where not given. `recipe`: whose environment it gets. `folder`: where it runs, a
        path on the host or the name of a synced folder; where not given the synced folder `beside`, if there is one,
        else the run's own. `env`: exported last, and never shown. `asked`: shown in place of the command. `resume`: the
        command that goes on with it after its box was lost ("": the same; None: nothing does). Raises `BadInput` where
        the name is taken, the recipe is not installed or the folder is not there.
        """
        _check(command, name)
        from provision.bundle.render import activation  # noqa: PLC0415 - to list or follow runs takes no rendering

        return self._start(
            {
                "verb": Verb.START,
                "command": command,
                "name": name,
                "recipe": recipe,
                "folder": folder,
                "beside": beside,
                "exports": activation(recipe, self.target or Target()) if recipe else [],
                "env": dict(env),
                "asked": asked,
                "resume": resume or "",
                "once": resume is None,
            }
        )

    def resume(self, name: str) -> Run:
        """Start a run again that was cut off by the end of its box; one that goes on, or has ended, stays as it is.

        Raises `BadInput` where its recipe or its folder is not on the box.
        """
        check_name(name)
        notice.watch(self.session)
        return self._run({"verb": Verb.RESUME, "name": name})

    def _start(self, request: Start) -> Run:
        notice.watch(self.session)
        try:
            return self._run(request)
        except Dropped as error:
            # Said again at once, it might run twice.
            error.hint = "it may have begun; see before you start it again: fab ps"
            raise

    def all(self) -> list[Run]:
        """Return all runs of the host, the newest first."""
        return [Run.from_row(row) for row in self.session.answer({"verb": Verb.RUNS}, answers.Runs)["runs"]]

    def newest(self) -> Run:
        """Return the run that was started last. Raises `NotHere` where there is none."""
        runs = self.all()
        if not runs:
            raise NotHere([f"there are no runs on {self.session.host}"], hint="fab run -- CMD starts one")
        return runs[0]

    def cancel(self, name: str) -> Run:
        """End a run and all its processes: a request to end, and 10 s later a kill. One that has ended stays so."""
        check_name(name)
        return self._run({"verb": Verb.STOP, "name": name})

    def follow(self, name: str, show: Callable[[str], object], *, lines: int = 0) -> Run:
        """Show each line of a run's log as it grows, from its last so many `lines` on (0: all); returns it at its end.

        A connection that drops and a box that reboots are bridged. Raises `BadInput` for a run that is not there and
        `RunInterrupted` for one that ended without a code of its own.
        """
        run = self._read(name, show, lines, follow=True)
        if run is None:
            raise GpurigError(f"{self.session.host} did not say how {name} ended")
        if run.state in (RunState.LOST, RunState.INTERRUPTED):
            again = "\nit goes on once its box is up, or the next one: fab resume" if run.resumable else ""
            hint = f"its log is there: fab logs {name}{again}"
            raise RunInterrupted(f"{name} on {self.session.host} was {run.state}: {run.why}", hint=hint)
        return run

    def log(self, name: str, show: Callable[[str], object], *, lines: int = 0) -> None:
        """Show the last so many lines of what there is of a run's log; 0: all. Raises `BadInput` as `follow` does."""
        self._read(name, show, lines, follow=False)

    def _read(self, name: str, show: Callable[[str], object], lines: int, *, follow: bool) -> Run | None:
        """Show a log; returns the run where it has ended."""
        check_name(name)
        position, noticed = -1, 0.0

        def attempt() -> Iterator[Event]:
            nonlocal position
            request: Log = {"verb": Verb.LOG, "name": name, "position": position, "lines": lines, "follow": follow}
            for event in self.session.ask(request):
                yield event
                if event["event"] == Kind.LOG:
                    position = event.get("position", position)
                elif event["event"] == Kind.ENDED:
                    return
            if follow:
                raise Dropped(self.session.host, "the answer ended early")

        for event in self.session.bridged(attempt):
            if event["event"] == Kind.LOG:
                show(event["line"])
            elif event["event"] == Kind.SAID and event["at"] > noticed:  # not again, after a dropped connection
                noticed = event["at"]
                self.session.tell(f"{self.session.host}: {event['text']}")
            elif event["event"] == Kind.ENDED:
                return Run.from_row(event)
        return None

    def _run(self, request: Request) -> Run:
        return Run.from_row(self.session.answer(request, answers.Run))


def ways_back(name: str, into: Path | None = None, limit: str = "") -> str:
    """Return the commands that find a run again; `into`: where its results are to come; `limit`: on which hosts."""
    there = f" --into {shlex.quote(str(into))}" if into else ""
    where = f" --limit {shlex.quote(limit)}" if limit else ""
    return (
        f"to follow it:  fab logs {name} --follow{where}\n"
        f"its results:   fab fetch {name} --watch{there}{where}\n"
        f"to end it:     fab cancel {name}{where}"
    )
