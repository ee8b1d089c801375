"""What `make gpu-check` saw: the files of docs/tried, one for each check, and the marks that recipes get of them."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import TYPE_CHECKING, Any

from provision.model.errors import BadInput
from provision.model.files import FILES
from provision.model.platforms import NO_GPU, gpu_model, images
from provision.model.schema import ANY, NUMBER, STRING, STRINGS, mismatches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from provision.catalogue.recipe import Recipe

FOLDER = FILES / "docs" / "tried"
PARTS = ("setup", "verify", "example", "bench")
TRIED, FAILED, NOT_RUN, NO = "tried", "failed", "not run", "no"
STATES = (TRIED, FAILED, NOT_RUN, NO)

_RECIPE: dict[str, Any] = {
    **dict.fromkeys(("recipe", "version", "why", "said"), STRING),
    "state": (f"one of {', '.join(STATES)}", lambda v: v in STATES),
    "seconds": dict.fromkeys(PARTS, NUMBER),
    "bench": {"verdict": STRING, "gpu": ANY, "*": ANY},
    "*": ANY,
}
_CHECK: dict[str, Any] = {
    "date": ("a day, such as 2026-11-28", lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", v)),
    **dict.fromkeys(("image", "card", "driver"), STRING),
    "only": STRINGS,
    "seconds": NUMBER,
    "recipes": ("a list of tables", lambda v: isinstance(v, list) and all(isinstance(row, dict) for row in v)),
    "*": ANY,
}
_NEEDED = {"": ("date", "image", "recipes"), "recipes": ("recipe", "version", "state")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one recipe in a check."""

    recipe: str
    version: str
    state: str
    """One of `STATES`."""
    why: str = ""
    """Why not, where it is not tried through and through."""
    said: str = ""
    """The last lines of the command that failed."""
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Wall time of each command that ended well, by its part."""
    figure: str = ""
    """What its bench came to, in words, and what it ran with; "" where it has none."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One check on one machine."""

    date: str
    image: str
    outcomes: tuple[Outcome, ...]
    card: str = ""
    """As nvidia-smi calls it; "" where there was none."""
    driver: str = ""

    @property
    def gpu(self) -> str:
        """The card's model, or "none"."""
        return (gpu_model(self.card) or "") if self.card else NO_GPU

    @property
    def place(self) -> str:
        """What it was tried on: "NVIDIA H200, driver 580.159.04"."""
        return f"{self.card}, driver {self.driver}" if self.card else "no GPU"


def checks(folder: Path = FOLDER) -> list[Check]:
    """Return all checks, the newest first. Raises `BadInput` with everything that is wrong in their files."""
    found: list[Check] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(_read(path))
        except BadInput as error:
            problems += error.problems
    if problems:
        raise BadInput(problems, hint="`make gpu-check` writes such a file; it goes there as it is")
    return sorted(found, key=lambda check: check.date, reverse=True)


def marked(recipe: Recipe, seen: Iterable[Check]) -> Recipe:
    """Return a recipe that has been tried also where a check tried it, of this very version; of a place the newest."""
    marks: dict[tuple[str, str], dict[str, str]] = {}
    for check in seen:
        for outcome in check.outcomes:
            if (outcome.recipe, outcome.version, outcome.state) == (recipe.name, recipe.version, TRIED):
                mark = {"on": check.place, "date": check.date, "figure": _figure(outcome)}
                marks.setdefault((check.image, check.gpu), mark)
    rows = ({"image": image, "gpu": gpu, **mark} for (image, gpu), mark in marks.items())
    return dataclasses.replace(recipe, tried=(*recipe.tried, *rows)) if marks else recipe


def sentences(recipe: Recipe, image: str = "", gpu: str = "") -> list[str]:
    """Return what checks saw of a recipe: card, driver, day and figure; on one image, or with one GPU, where said."""
    rows = [row for row in recipe.tried if "on" in row and image in ("", row["image"]) and gpu in ("", row["gpu"])]
    return [
        f"{row['on']}, on {row['image']}, {row['date']}{': ' if row['figure'] else ''}{row['figure']}" for row in rows
    ]


def _figure(outcome: Outcome) -> str:
    """Return what a check measured of a recipe, in words; "" where nothing is measured of it."""
    if outcome.figure:
        return outcome.figure
    return f"its example took {outcome.seconds['example']:g} s" if "example" in outcome.seconds else ""


def _read(path: Path) -> Check:
    """Read one check. Raises `BadInput`, all at once."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput([f"{path}: {error}"]) from error
    problems = _problems(table) if isinstance(table, dict) else ["has to be a table"]
    if problems:
        raise BadInput(f"{path}: {problem}" for problem in problems)
    known = ("date", "image", "card", "driver")
    outcomes = tuple(_outcome(row) for row in table["recipes"])
    return Check(outcomes=outcomes, **{key: table[key] for key in known if key in table})


def _problems(table: dict[str, Any]) -> list[str]:
    """Return what is wrong in one check, and in its recipes."""
    found = [f'"{key}" is missing' for key in _NEEDED[""] if key not in table] + mismatches(table, _CHECK)
    if found:
        return found
    if table["image"] not in images():
        found.append(f'"image" is {table["image"]}, which is none of {", ".join(images())}')
    card = table.get("card", "")
    if card and not gpu_model(card):
        found.append(f'"card" is {card}, and no model of provision/model/platforms.toml is in that name: add it there')
    if card and not table.get("driver"):
        found.append('"driver" is missing beside "card"')
    for number, row in enumerate(table["recipes"]):
        where = f"recipes[{number}]."
        found += [f'"{where}{key}" is missing' for key in _NEEDED["recipes"] if key not in row]
        found += mismatches(row, _RECIPE, where)
    return found


def _outcome(row: Mapping[str, Any]) -> Outcome:
    kept = ("recipe", "version", "state", "why", "said", "seconds")
    return Outcome(figure=_bench(row.get("bench", {})), **{key: row[key] for key in kept if key in row})


def _bench(table: Mapping[str, Any]) -> str:
    """Return a bench in words: "the GPU is 20 times as fast as the CPU, test error 0.021, with torch 2.11.0"."""
    half: Mapping[str, Any] = next((table[name] for name in ("gpu", "cpu") if isinstance(table.get(name), dict)), {})
    error = half.get("error") if "gpu" in table else None
    learnt = isinstance(error, int | float) and math.isfinite(error)
    figure = f"{half.get('measure', 'error')} {error:.3g}" if learnt else ""
    return ", ".join(filter(None, [table.get("verdict", ""), figure, _ran(half.get("versions"))]))


def _ran(versions: object) -> str:
    """Return what a bench says that it ran with: an image's own may be another version than the recipe's."""
    rows = versions.items() if isinstance(versions, dict) else ()
    words = ", ".join(f"{name} {version}" for name, version in rows)
    return f"with {words}" if words else ""
