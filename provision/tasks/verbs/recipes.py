"""`fab recipes`: what can be installed, where it works, and the page of one recipe."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.cells import State, cell_of_kind, row
from provision.catalogue.compatibility import capabilities, licences_of
from provision.catalogue.tried import sentences
from provision.model import checks
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, gpu_model, gpus, images
from provision.screen import terminal
from provision.tasks.output import PIPE_WIDTH, draw
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from rich.table import Table

    from provision.catalogue.cells import Cell
    from provision.catalogue.recipe import Recipe
    from provision.tasks.context import Context

    Cells = dict[tuple[str, str], Cell]
    """How one recipe fares, by image and kind of GPU: a model, a compute capability, or "none"."""


@verb(
    options={
        "name": "show the page of this recipe",
        "image": "only what works on this image",
        "gpu": 'only what works with this GPU model or compute capability, or without a GPU ("none")',
    },
    argument="name",
    json="print everything as JSON",
    limit="",
)
def recipes(c: Context, *, name: str = "", image: str = "", gpu: str = "") -> None:
    """List what can be installed, or show one recipe (fab recipes [NAME])."""
    catalogue = Catalogue()
    image, gpu = known_place(image, gpu)
    chosen = [catalogue.recipes[name]] if name in catalogue.recipes else list(catalogue.ordered())
    if name and name not in catalogue.recipes:
        raise BadInput([f'there is no recipe "{name}"; there are: {", ".join(sorted(catalogue.recipes))}'])
    fares = {r.name: _fares(catalogue, r.name, image, gpu) for r in chosen} if c.json or image or gpu else {}
    if c.json:
        print(json.dumps([_document(r, fares[r.name], catalogue) for r in chosen], indent=2))
    elif image or gpu:
        draw(_fitting(chosen, fares, image, gpu))
        _print_seen(chosen, image, gpu)
        never = {n: cells for n, cells in fares.items() if all(c.state is State.NO for c in cells.values())}
        _print_said("not there:", never, "reason", image)
        _print_said("what is known of it there:", {n: c for n, c in fares.items() if n not in never}, "known", image)
    elif name:
        _show_page(catalogue, name)
    else:
        draw(_list(chosen))
        print("one of them: fab recipes NAME; what works where: fab recipes --image IMAGE --gpu MODEL")


def known_place(image: str, gpu: str) -> tuple[str, str]:
    """Return an image's and a kind of GPU's names as the tables have them ("" stays). Raises `BadInput`.

    `gpu`: a model, also as nvidia-smi calls it, a compute capability, also of no known model, or "none".
    """
    models = {model.lower(): model for model in (NO_GPU, *gpus())}
    kind = gpu if checks.COMPUTE.holds(gpu) else models.get(gpu.lower()) or gpu_model(gpu) or ""
    wrong = []
    if image and image not in images():
        wrong.append(f'--image: there is no image "{image}"; there are: {", ".join(images())}')
    if gpu and not kind:
        known = f"known are: {', '.join(models.values())}; of any other card say the compute capability: --gpu 8.6"
        wrong.append(f'--gpu: no GPU model "{gpu}" is known; {known}')
    if wrong:
        raise BadInput(wrong)
    return image, kind


def _fares(catalogue: Catalogue, name: str, image: str, gpu: str) -> Cells:
    """Return how a recipe fares in the places asked for: on an image or on all, with one kind of GPU or any."""
    chosen = [image] if image else images()
    if gpu:
        return {(i, gpu): cell_of_kind(catalogue, name, i, gpu) for i in chosen}
    return {(i, kind): c for i in chosen for kind, c in row(catalogue, name, i).items()}


def _document(recipe: Recipe, cells: Cells, catalogue: Catalogue) -> dict[str, Any]:
    """Return a recipe as JSON; `licences` are those of all sources, and those of a place are with the place."""
    keys = ("name", "summary", "version", "needs", "needs_on_gpu", "document", "minutes", "disk_gib", "ports", "driver")
    trials = {kind: trial for kind in ("example", "bench") if (trial := getattr(recipe, kind))}
    works = [
        {"image": i, "gpu": g, "sources": dict(c.sources), "state": c.state, "built_with": c.built_with}
        | {"reason": c.reason, "cuda": c.cuda, "known": c.known, "licences": list(c.licences)}
        for (i, g), c in cells.items()
    ]
    return {
        **{key: getattr(recipe, key) for key in keys},
        "sources": list(recipe.sources),
        "seen": [row for row in recipe.tried if "on" in row],
        "licences": list(licences_of(recipe)),
        "changes_network": any(catalogue.recipes[n].changes_network for n in catalogue.closure([recipe.name])),
        "try": list(trials),
        "try_needs": {kind: list(trial.needs) for kind, trial in trials.items()},
        "works": works,
    }


def _list(chosen: list[Recipe]) -> Table:
    """Return the whole catalogue as a table."""
    table = _table("recipe", "version", "what it is", "min", "try")
    for recipe in chosen:
        trials = [kind for kind in ("example", "bench") if getattr(recipe, kind)]
        table.add_row(recipe.name, recipe.version, recipe.summary, f"{recipe.minutes:g}", " ".join(trials))
    return table


def _fitting(chosen: list[Recipe], fares: dict[str, Cells], image: str, gpu: str) -> Table:
    """Return what works in the given places as a table."""
    table = _table("recipe", "version", "there", "CUDA", "say")
    for recipe in chosen:
        works = {place: c for place, c in fares[recipe.name].items() if c.state is not State.NO}
        if works:
            names = {place: place[1] if image else place[0] for place in works}
            cuda = _grouped({names[p]: c.cuda for p, c in works.items()})
            choices = {names[p]: " ".join(f"--source {n}={s}" for n, s in c.sources.items()) for p, c in works.items()}
            table.add_row(recipe.name, recipe.version, _state(works, image, gpu), cuda, _grouped(choices))
    return table


def _grouped(about: dict[str, str]) -> str:
    """Return what is so in every place, or else, of what differs, in which it is so."""
    values = dict.fromkeys(about.values())
    if len(values) == 1:
        return next(iter(values))
    return "; ".join(
        f"{', '.join(place for place, other in about.items() if other == value)}: {value}" for value in values if value
    )


def _state(works: Cells, image: str, gpu: str) -> str:
    """Return in which of the places it was tried or is expected to work: in what was left open, if anything was."""
    if image and gpu:
        return str(next(iter(works.values())).state)
    every = len(images()) if gpu else 1 + len(capabilities())
    states = []
    for state in (State.TRIED, State.BUILT, State.EXPECTED):
        places = [place for place, c in works.items() if c.state is state]
        names = ["everywhere"] if len(places) == every else [kind if image else i for i, kind in places]
        states += [f"{state}: {', '.join(names)}"] if places else []
    return "; ".join(states)


def _by_place(cells: Cells, field: str, image: str) -> dict[str, str]:
    """Return what cells say in one of their fields, by what was left open: the kind of GPU, or the image."""
    return {place[1] if image else place[0]: getattr(c, field) for place, c in cells.items()}


def _print_seen(chosen: list[Recipe], image: str, gpu: str) -> None:
    """Say what `make gpu-check` saw there: card, driver, day, and what came out."""
    models = capabilities().get(gpu, (gpu,))
    lines = [(r.name, line) for r in chosen for model in models for line in sentences(r, image, model)]
    _print_about("seen by make gpu-check:", lines)


def _print_said(title: str, said: dict[str, Cells], field: str, image: str) -> None:
    """Print what cells of some recipes say in one of their fields, below a title."""
    lines = [(name, _grouped(_by_place(cells, field, image))) for name, cells in said.items()]
    _print_about(title, [(name, line) for name, line in lines if line])


def _print_about(title: str, said: list[tuple[str, str]]) -> None:
    """Print sentences about recipes below a title, each beside its recipe's name; nothing where there is none."""
    if not said:
        return
    print(title)
    width = max(len(name) for name, _ in said)
    columns = shutil.get_terminal_size((PIPE_WIDTH, 0)).columns
    for name, text in said:
        print(
            textwrap.fill(text, columns - 1, initial_indent=f"  {name:<{width}}  ", subsequent_indent=" " * (width + 4))
        )


def _show_page(catalogue: Catalogue, name: str) -> None:
    """Show one recipe's page: as it is read in a terminal, as Markdown in a pipe."""
    from rich.markdown import Markdown  # noqa: PLC0415 - only this task draws

    from provision.pages.recipe import page  # noqa: PLC0415

    text = page(catalogue, name)
    console = terminal.console()
    if console.is_terminal:
        # Links between pages lead nowhere here, and an address is its own name.
        plain = re.sub(r"<(https?://[^>]+)>", r"\1", re.sub(r"\[([^]]+)\]\((?!http)[^)]+\)", r"\1", text))
        console.print(Markdown(plain, hyperlinks=False))
    else:
        sys.stdout.write(text)


def _table(*heads: str) -> Table:
    """Return an empty table; names and versions, which are typed again, stay whole in it."""
    from rich import table as tables  # noqa: PLC0415
    from rich.box import SIMPLE  # noqa: PLC0415

    table = tables.Table(box=SIMPLE, pad_edge=False)
    for head in heads:
        table.add_column(
            head, no_wrap=head in ("recipe", "version", "min"), justify="right" if head == "min" else "left"
        )
    return table
