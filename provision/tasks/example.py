"""`fab example-<recipe>`: set a recipe up, run what it brings to show that it works, and bring the results home."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU
from provision.model.words import took
from provision.tasks.base import CHOICES_HELP, LIMIT_HELP, Choices, each, ending, pairs, target_of, task
from provision.tasks.run import leaving
from provision.tasks.setup import SetUp
from provision.transport.session import Session
from provision.work import trial
from provision.work.pictures import contact_sheet
from provision.work.runs import Runs, ways_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provision.catalogue.recipe import Recipe
    from provision.model.run import Run
    from provision.screen.progress import View
    from provision.transport.inventory import Host
    from provision.work.trial import Kind, Stage

HELP = {
    "args": "words to add to the command",
    "file": "NAME=PATH: a file of yours in place of one of the example's; may be given more than once",
    "into": "folder in which the folder of results is made, instead of results/",
    "another": "start one although one runs",
    **CHOICES_HELP,
    **LIMIT_HELP,
}
ITERABLE = ["file", "source", "accept"]
SHEET = "contact-sheet.png"


def example_task(recipe: Recipe) -> Any:
    """Return the `example-<name>` task of a recipe that has one."""

    def body(  # noqa: PLR0913 - each is an option of the command line
        c: Any,
        *,
        args: str = "",
        file: list[str] | None = None,
        into: str = "",
        another: bool = False,
        detach: bool = False,
        source: list[str] | None = None,
        accept: list[str] | None = None,
        limit: str = "",
    ) -> None:
        wishes, choices = wishes_of(recipe, args, file, into, another=another), Choices.parse(accept, source)
        play = Play(recipe, "example", wishes, choices, c.config)
        with leaving(play.names, wishes.into):
            each(c, lambda host, out: _run(play, host, out, detach=detach), limit=limit)

    body.__doc__ = f"Run the example of {recipe.name}: {recipe.example.summary if recipe.example else ''}"
    body.__name__ = f"example_{recipe.name.replace('-', '_')}"
    detach = {"detach": "start it and return; say how to come back"}
    return task(name=trial.stem(recipe, "example"), help={**HELP, **detach}, iterable=ITERABLE, post=[ending])(body)


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
    def staged(self, host: Host, out: View) -> Iterator[Stage]:
        """Bring a host to the recipe, with the recipe's example folder on it."""
        with Session(host, self.config, tell=out.tell) as session:
            # Before anything is installed below a run that uses it.
            there = Runs(session).all()
            trial.next_name(host, there, self.recipe, self.kind, another=self.wishes.another)
        self.setting_up.on(host, self.recipe.name, out)
        with Session(host, self.config, tell=out.tell) as session:
            target = self.choices.on(target_of(host, session))
            yield trial.Stage(session, target, self.recipe, self.kind, self.wishes, out)

    def watched(self, stage: Stage, run: Run, into: Path, out: View) -> Run:
        """Show a run until it has ended, its results in `into`."""
        self.names[stage.session.host.name] = run.name
        ended = stage.watch(run, into, out)
        del self.names[stage.session.host.name]
        return ended


def _run(play: Play, host: Host, out: View, *, detach: bool) -> None:
    """Run the example on one host."""
    recipe, wishes = play.recipe, play.wishes
    with play.staged(host, out) as stage:
        # First: where they cannot be written, nothing is to run.
        into = None if detach else trial.results_folder(host, recipe, "example", wishes)
        run = stage.start()
        minutes = recipe.example.minutes if recipe.example else 0
        where = "longer on a CPU" if stage.target.gpu == NO_GPU else "on a small GPU"
        out.tell(f"{run.name} runs on {host}: {run.command} (about {minutes:g} min, {where})")
        if into is None:
            out.line(ways_back(run.name, wishes.into))
            return
        ended = play.watched(stage, run, into, out)
    out.line(f"{ended.name} ended on {host} after {took(ended.seconds)}; its results: {into}")
    _show_pictures(recipe, into, out)
    trial.check(ended, host, into)


def _show_pictures(recipe: Recipe, into: Path, out: View) -> None:
    """Write the contact sheet of a run's pictures, where the recipe says that there are some."""
    pattern = recipe.example.pictures if recipe.example else ""
    pictures = list(into.glob(pattern)) if pattern else []
    if pictures:
        unreadable = contact_sheet(pictures, into / SHEET)
        out.line(f"all {len(pictures)} pictures at a glance: {into / SHEET}")
        for picture in unreadable:
            out.tell(f"{picture} is not a picture that can be read; it has a grey tile")
    elif pattern:
        out.tell(f"the run left no pictures ({pattern})")
