"""`fab example-<recipe>`: set a recipe up, run what it brings to show that it works, and bring the results home."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision import trial
from provision.errors import BadInput
from provision.pictures import contact_sheet
from provision.platforms import NO_GPU
from provision.runs import Runs, ways_back
from provision.session import Session
from provision.tasks.base import CHOICES_HELP, Choices, each, ending, pairs, target_of, task, tell
from provision.tasks.setup import set_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from provision.inventory import Host
    from provision.recipe import Recipe
    from provision.trial import Kind, Stage

HELP = {
    "args": "words to add to the command",
    "file": "NAME=PATH: a file of yours in place of one of the example's; may be given more than once",
    "into": "folder in which the folder of results is made, instead of results/",
    "another": "start one although one runs",
    **CHOICES_HELP,
}
ITERABLE = ["file", "source", "accept"]
SHEET = "contact-sheet.png"


def example_task(recipe: Recipe) -> Any:
    """Return the `example-<name>` task of a recipe that has one."""

    def body(
        c: Any,
        *,
        args: str = "",
        file: list[str] | None = None,
        into: str = "",
        another: bool = False,
        detach: bool = False,
        source: list[str] | None = None,
        accept: list[str] | None = None,
    ) -> None:
        wishes, choices = wishes_of(recipe, args, file, into, another=another), Choices.parse(accept, source)
        each(c, lambda host: _run(host, c.config, recipe, wishes, choices, detach=detach))

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


@contextlib.contextmanager
def staged(
    host: Host, config: Any, recipe: Recipe, kind: Kind, wishes: trial.Wishes, choices: Choices
) -> Iterator[Stage]:
    """Bring a host to a recipe, with the recipe's example folder on it."""
    with Session(host, config, tell=tell) as session:
        # Before anything is installed below a run that uses it.
        trial.next_name(host, Runs(session).all(), recipe, kind, another=wishes.another)
    set_up(host, config, recipe.name, fresh=False, json=False, uploads={}, choices=choices)
    with Session(host, config, tell=tell) as session:
        yield trial.Stage(session, choices.on(target_of(host, session)), recipe, kind, wishes)


def _run(host: Host, config: Any, recipe: Recipe, wishes: trial.Wishes, choices: Choices, *, detach: bool) -> None:
    """Run the example on one host."""
    with staged(host, config, recipe, "example", wishes, choices) as stage:
        # First: where they cannot be written, nothing is to run.
        into = None if detach else trial.results_folder(host, recipe, "example", wishes)
        run = stage.start()
        minutes = recipe.example.minutes if recipe.example else 0
        where = "longer on a CPU" if stage.target.gpu == NO_GPU else "on a small GPU"
        tell(f"{run.name} runs on {host}: {run.command} (about {minutes:g} min, {where})")
        if into is None:
            print(ways_back(run.name, wishes.into))
            return
        ended = stage.watch(run, into)
    print(f"{ended.name} ended on {host} after {ended.seconds:.0f} s; its results: {into}")
    _show_pictures(recipe, into)
    trial.check(ended, host, into)


def _show_pictures(recipe: Recipe, into: Path) -> None:
    """Write the contact sheet of a run's pictures, where the recipe says that there are some."""
    pattern = recipe.example.pictures if recipe.example else ""
    pictures = list(into.glob(pattern)) if pattern else []
    if pictures:
        unreadable = contact_sheet(pictures, into / SHEET)
        print(f"all {len(pictures)} pictures at a glance: {into / SHEET}")
        for picture in unreadable:
            tell(f"{picture} is not a picture that can be read; it has a grey tile")
    elif pattern:
        tell(f"the run left no pictures ({pattern})")
