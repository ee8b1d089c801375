"""`fab example-<recipe>`: set a recipe up, run what it brings to show that it works, and bring the results home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.platforms import NO_GPU
from provision.model.words import took
from provision.tasks import clustering
from provision.tasks.following import leaving
from provision.tasks.trials import OPTIONS, Play, wishes_of
from provision.tasks.verb import verb
from provision.work import trial
from provision.work.pictures import contact_sheet
from provision.work.runs import ways_back

if TYPE_CHECKING:
    from pathlib import Path

    from provision.catalogue.recipe import Recipe
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context

SHEET = "contact-sheet.png"


@verb(
    about=lambda recipe: f"Run the example of {recipe.name}: {recipe.example.summary if recipe.example else ''}",
    options={**OPTIONS, "detach": "start it and return; say how to come back"},
    choices=True,
)
def example(
    c: Context,
    recipe: Recipe,
    *,
    args: str = "",
    file: list[str] | None = None,
    into: str = "",
    another: bool = False,
    detach: bool = False,
) -> None:
    """Set it up and run its example; results come here as they appear."""
    play = Play(recipe, "example", wishes_of(recipe, args, file, into, another=another), c.choices, c.config)
    with leaving(play.names, play.wishes.into):
        hosts = clustering.bring(c, play.setting_up, recipe) if recipe.cluster else c.hosts
        if hosts:
            c.each(lambda host, out: _run(play, host, out, detach=detach), hosts)


def _run(play: Play, host: Host, out: View, *, detach: bool) -> None:
    """Run the example on one host."""
    recipe, wishes = play.recipe, play.wishes
    with play.staged(host, out, is_set_up=recipe.cluster) as stage:
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
