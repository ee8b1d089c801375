"""What examples and benches share: a recipe is set up, what it brings runs, and its results come to this machine."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.agent.words import RunState
from provision.model.errors import BadInput
from provision.tasks.option import pairs
from provision.tasks.setting_up import SetUp
from provision.tasks.target import target_of
from provision.transport.session import Session
from provision.work import trial
from provision.work.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from provision.catalogue.recipe import Recipe
    from provision.model.host import Host
    from provision.model.run import Run
    from provision.screen.progress import View
    from provision.tasks.option import Choices
    from provision.work.trial import Kind, Stage

OPTIONS = {
    "args": "words to add to the command",
    "file": "NAME=PATH: a file of yours in place of one of the example's; may be given more than once",
    "into": "folder in which the folder of results is made, instead of results/",
    "another": "start one although one runs",
}


def wishes_of(recipe: Recipe, args: str, file: Sequence[str] | None, into: str, *, another: bool) -> trial.Wishes:
    """Return what the command line says about a trial. Raises `BadInput`."""
    try:
        shlex.split(args)
    except ValueError as error:
        raise BadInput([f"--args {args}: {error}"]) from error
    files = {name: Path(path).expanduser() for name, path in pairs("file", file, "NAME=PATH").items()}
    folder = Path(into).expanduser() if into else None
    wishes = trial.Wishes(args=args, files=files, into=folder, another=another)
    wishes.check(recipe)
    return wishes


class Play:
    """A trial of one recipe on several hosts."""

    def __init__(self, recipe: Recipe, kind: Kind, wishes: trial.Wishes, choices: Choices, config: Any) -> None:
        self.recipe, self.kind, self.wishes, self.choices = recipe, kind, wishes, choices
        self.config = config
        self.setting_up = SetUp(config, choices)
        self.names: dict[str, str] = {}
        """Host → the run that is followed there."""

    @contextlib.contextmanager
    def staged(self, host: Host, out: View, mine: Container[str] = (), *, is_set_up: bool = False) -> Iterator[Stage]:
        """Bring a host to the recipe, its example folder on it.

        `mine`: runs that the trial goes on with; `is_set_up`: what it needs is there.
        """
        with Session(host, self.config, tell=out.tell) as session:
            # Before anything is installed below a run that uses it.
            there = Runs(session).all()
            trial.next_name(host, there, self.recipe, self.kind, another=self.wishes.another, mine=mine)
        if not is_set_up and not any(run.name in mine and run.state == RunState.RUNNING for run in there):
            for name in self.recipe.with_trial(getattr(self.recipe, self.kind)):
                self.setting_up.on(host, name, out)
        with Session(host, self.config, tell=out.tell) as session:
            target = self.choices.on(target_of(host, session))
            yield trial.Stage(session, target, self.recipe, self.kind, self.wishes, out, mine=mine)

    def watched(self, stage: Stage, run: Run, into: Path, out: View) -> Run:
        """Show a run until it has ended, its results in `into`."""
        self.names[stage.session.host.name] = run.name
        ended = stage.watch(run, into, out)
        del self.names[stage.session.host.name]
        return ended
