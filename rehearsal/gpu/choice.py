"""Which recipes `make gpu-check` tries, and why it leaves the others out: by the rows of `fab recipes --json`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Row = dict[str, Any]

SHARED = "it changes the network of its machine, and the box shares that of this one"


@dataclasses.dataclass(frozen=True)
class Choice:
    """One recipe, and what is to become of it."""

    row: Row
    """Without the trials that are left out."""
    state: str = ""
    """"no" or "not run" where it is left out; "" where it is tried."""
    why: str = ""
    """Why it, or one of its trials, is left out."""
    lacks: tuple[str, ...] = ()
    """Licences that would have to be accepted."""


def licences(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return all licences that recipes come under, from whatever source."""
    return tuple(sorted({licence for row in rows for licence in row["licences"]}))


def choose(rows: Iterable[Row], *, accept: bool) -> list[Choice]:
    """Return what is to become of each recipe on the one place that the rows are of."""
    found = {row["name"]: _one(row, accept=accept) for row in rows}
    return [choice if choice.state else _with_trials(choice, found) for choice in found.values()]


def notice(choices: Iterable[Choice]) -> str:
    """Return, in one line, what licences leave out and how to have it tried; "" where they leave out nothing."""
    out = {choice.row["name"]: choice.lacks for choice in choices if choice.lacks}
    asked = ", ".join(sorted({licence for lacks in out.values() for licence in lacks}))
    return f"{asked}: not accepted, so left out are {', '.join(out)}; make gpu-check CHECK=--accept" if out else ""


def _one(row: Row, *, accept: bool) -> Choice:
    works = row["works"][0]
    if works["state"] == "no":
        return Choice(row, "no", works["reason"])
    if row["changes_network"]:
        return Choice(row, "not run", SHARED)
    if works["licences"] and not accept:
        return Choice(row, "not run", f"not accepted: {', '.join(works['licences'])}", tuple(works["licences"]))
    return Choice(row)


def _with_trials(choice: Choice, found: Mapping[str, Choice]) -> Choice:
    """Return what is tried without the trials that need a recipe which is left out."""
    needs = choice.row["try_needs"]
    lacks = {kind: name for kind in needs for name in needs[kind] if found[name].state}
    why = "; ".join(f"no {kind}, which needs {name}: {found[name].why}" for kind, name in lacks.items())
    kept = [kind for kind in choice.row["try"] if kind not in lacks]
    return Choice({**choice.row, "try": kept}, why=why)
