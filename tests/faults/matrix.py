"""The matrix of faults and moments as text."""

from __future__ import annotations

from collections.abc import Mapping

from tests.faults.cells import FAULTS, why_not
from tests.faults.moments import MOMENTS


def drawn(ended: Mapping[tuple[str, ...], str]) -> str:
    """Return what became of each cell: fault, moment → how it ended; and why there are none where none are."""
    wide = max(map(len, FAULTS)) + 2
    head = " " * wide + "".join(f"{moment:<10}" for moment in MOMENTS)
    rows = [
        f"{fault:<{wide}}" + "".join(f"{_shown(fault, moment, ended):<10}" for moment in MOMENTS) for fault in FAULTS
    ]
    return "\n".join(["", f"{len(ended)} faults in the middle of something", "", head, *rows, "", *_reasons()])


def _shown(fault: str, moment: str, ended: Mapping[tuple[str, ...], str]) -> str:
    return ended.get((fault, moment)) or ("-" if why_not(fault, moment) else "not run")


def _reasons() -> list[str]:
    whys: dict[str, list[str]] = {}
    for fault in FAULTS:
        for moment in MOMENTS:
            if why := why_not(fault, moment):
                whys.setdefault(why, []).append(f"{fault} at {moment}")
    return [f"- {why}: {', '.join(cells)}" for why, cells in whys.items()]
