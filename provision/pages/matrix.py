"""The compatibility table as pages show it: recipes by images by compute capabilities, and why not where not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provision.catalogue.cells import State, row
from provision.catalogue.compatibility import capabilities, oldest_driver
from provision.model.platforms import NO_GPU, cheapest, images
from provision.pages.markdown import bullets, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.catalogue.catalogue import Catalogue
    from provision.catalogue.cells import Cell

_HEAD = """# What works where

Written from the recipes' own metadata (`make pages`). `fab recipes --image IMAGE --gpu MODEL` says the
same in the terminal; `pulumi preview` and `fab setup` refuse by the same table, with the nearest thing that works.

| cell | means |
|---|---|
| **tried** | it was seen to install and to verify there |
| built | it was compiled there from its pinned sources, and the code for that GPU is in it; no card has run it |
| expected | nothing speaks against it, and nobody has seen it yet |
| no | it does not work there, and the line below the table says why |

A recipe works only where everything works that it needs. The CUDA is the one that it uses there by default; the driver
is the oldest branch of NVIDIA's that will do, where it matters; "say" is what has to be added to `fab setup-NAME`.

## GPUs

"""


@dataclasses.dataclass(frozen=True)
class Row:
    """A recipe on one image: its cells by capability or "none"."""

    cells: Mapping[str, Cell]

    @property
    def working(self) -> list[Cell]:
        """The cells where it works."""
        return [c for c in self.cells.values() if c.state is not State.NO]

    @property
    def cuda(self) -> str:
        """The CUDA release, or releases, that it uses there."""
        return ", ".join(dict.fromkeys(c.cuda for c in self.working if c.cuda))

    @property
    def choices(self) -> str:
        """The sources that have to be chosen there, as words of a command."""
        chosen = dict.fromkeys(pair for c in self.working for pair in c.sources.items())
        return " ".join(f"`--source {recipe}={source}`" for recipe, source in chosen)

    @property
    def shown(self) -> dict[str, str]:
        """The cells as a table shows them."""
        return {column: str(c).replace("tried", "**tried**") for column, c in self.cells.items()}

    @property
    def reasons(self) -> dict[str, str]:
        """Why not, and with which GPUs."""
        return _columns({column: c.reason for column, c in self.cells.items()})

    @property
    def known(self) -> dict[str, str]:
        """What others say of it where nobody here has tried it, and with which GPUs."""
        said = {column: c.known for column, c in self.cells.items() if c.state in (State.EXPECTED, State.BUILT)}
        return _columns(said)


def _columns(said: Mapping[str, str]) -> dict[str, str]:
    """Return the sentences that stand at columns, each with the name of its columns together."""
    found: dict[str, list[str]] = {}
    for column, sentence in said.items():
        if sentence:
            found.setdefault(sentence, []).append(column)
    return {sentence: _heading(columns) for sentence, columns in found.items()}


def of_recipe(catalogue: Catalogue, name: str) -> str:
    """Return one recipe's table, capabilities that fare alike in one column, and the reasons below it."""
    rows = {image: Row(row(catalogue, name, image)) for image in images()}
    groups: dict[tuple[str, ...], list[str]] = {}
    for column in next(iter(rows.values())).cells:
        groups.setdefault(tuple(r.shown[column] for r in rows.values()), []).append(column)
    body = [
        [image, *(r.shown[columns[0]] for columns in groups.values()), r.cuda, r.choices] for image, r in rows.items()
    ]
    whys: dict[str, list[str]] = {}
    for image, r in rows.items():
        for why, columns in (*r.reasons.items(), *r.known.items()):
            whys.setdefault(f"{columns}: {why}", []).append(image)
    where = {why: "any image" if len(found) == len(rows) else ", ".join(found) for why, found in whys.items()}
    notes = bullets(f"{place}, {why}" for why, place in where.items())
    heads = ["image", *(_heading(columns) for columns in groups.values()), "CUDA", "say"]
    return f"{table(heads, body)}\n{notes}" if notes else table(heads, body)


def _heading(columns: list[str]) -> str:
    """Return the name of some columns together: "no GPU", "any GPU", "no GPU or compute 7.5 to 8.9, 12.0"."""
    every = list(capabilities())
    asked = [column for column in columns if column != NO_GPU]
    runs: list[list[str]] = []
    for compute in asked:
        if runs and every.index(runs[-1][-1]) + 1 == every.index(compute):
            runs[-1].append(compute)
        else:
            runs.append([compute])
    spans = [run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    gpus = "any GPU" if asked == every else f"compute {', '.join(spans)}"
    if NO_GPU not in columns:
        return gpus
    return "any GPU or none" if asked == every else f"no GPU or {gpus}" if asked else "no GPU"


def page(catalogue: Catalogue) -> str:
    """Return docs/compatibility.md."""
    text = _HEAD + _gpu_table()
    for image in images().values():
        rows = {recipe.name: Row(row(catalogue, recipe.name, image.name)) for recipe in catalogue.ordered()}
        body = [
            [f"[{name}](recipes/{name}.md)", *r.shown.values(), r.cuda, _driver(catalogue, name), r.choices]
            for name, r in rows.items()
            if r.working
        ]
        brings = f"The image brings {', '.join(image.has)}.\n\n" if image.has else ""
        text += f"\n## {image.name}\n\n{brings}"
        text += table(["recipe", "no GPU", *capabilities(), "CUDA", "driver", "say"], body)
        known = bullets(_said({name: r.known for name, r in rows.items()}))
        text += f"\nWhat is known of cells that nobody has tried:\n\n{known}" if known else ""
        notes = bullets(_said({name: r.reasons for name, r in rows.items()}))
        text += f"\nWhy not:\n\n{notes}" if notes else ""
    return text


def _said(rows: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return what is said of recipes, by recipe and sentence; what several have in common is said once."""
    whys: dict[str, list[str]] = {}
    for name, sentences in rows.items():
        for why, where in sentences.items():
            whys.setdefault(f"{where}: {why}", []).append(f"[{name}](recipes/{name}.md)")
    return [f"{', '.join(names)}, {why}" for why, names in whys.items()]


def _driver(catalogue: Catalogue, name: str) -> str:
    return str(oldest_driver(catalogue, name) or "")


def _gpu_table() -> str:
    rows = []
    for compute, models in capabilities().items():
        instance = cheapest(frozenset([compute]))
        price = f"{instance.name}, ${instance.usd_per_hour:.2f} an hour" if instance else "none"
        rows.append([compute, ", ".join(models), price])
    return table(
        [
            "compute capability",
            "models",
            "smallest EC2 type whose list price is known here (us-east-1; `fab offers` asks EC2)",
        ],
        rows,
    )
