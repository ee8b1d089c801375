"""A time axis on which the hours without an event take no room: seconds of UTC to percent of its width."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLD = 2.5
"""Percent of the width that left-out time takes, at most."""
FOLDS = 30
"""Percent of the width that all left-out time takes, at most."""
PAUSE = 60
"""Seconds without an event that are shown as they are in any case."""
APART = 16
"""Percent of what is seen between two labels, at least: 57 pixels of 360, the width of "15:20:30"."""
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(86400 * days for days in (1, 2, 7, 14, 28, 91, 182, 364)),
)


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Time from `begin` to `end`, in seconds of UTC, between two places on the axis, in percent of its width."""

    begin: float
    end: float
    left: float
    right: float


@dataclasses.dataclass(frozen=True)
class Axis:
    """Stretches of time that are drawn to one scale, and between them what is left out."""

    stretches: tuple[Stretch, ...]

    @classmethod
    def of(cls, busy: Iterable[tuple[float, float]]) -> Self:
        """Return an axis for all these spans of time. Raises `ValueError` where there is none."""
        spans = _merged(busy, pause=0)
        whole = sum(end - begin for begin, end in spans)
        room = max(1.0, whole / 50)
        stretches = _merged(((begin - room, end + room) for begin, end in spans), pause=max(PAUSE, whole / 10))
        fold = min(FOLD, FOLDS / max(1, len(stretches) - 1))
        scale = (100 - fold * (len(stretches) - 1)) / sum(end - begin for begin, end in stretches)
        made, left = [], 0.0
        for begin, end in stretches:
            right = left + scale * (end - begin)
            made.append(Stretch(begin, end, left, right))
            left = right + fold
        return cls(tuple(made))

    def at(self, moment: float) -> float:
        """Return the place of a moment; one that is left out is at the end of the stretch before it."""
        before = [stretch for stretch in self.stretches if stretch.begin <= moment] or [self.stretches[0]]
        stretch = before[-1]
        share = (min(max(moment, stretch.begin), stretch.end) - stretch.begin) / (stretch.end - stretch.begin)
        return stretch.left + share * (stretch.right - stretch.left)

    def folds(self) -> tuple[Stretch, ...]:
        """Return what is left out."""
        pairs = zip(self.stretches, self.stretches[1:], strict=False)
        return tuple(Stretch(a.end, b.begin, a.right, b.left) for a, b in pairs)

    def ticks(self, zoom: int) -> list[float]:
        """Return the moments to label on an axis that is drawn `zoom` times as wide as what is seen of it."""
        apart, last = APART / zoom, -math.inf
        chosen = []
        for moment in sorted(self._round(apart)):
            place = self.at(moment)
            if place - last >= apart and place <= 100 - 0.9 * apart:
                chosen.append(moment)
                last = place
        return chosen

    def _round(self, apart: float) -> Iterator[float]:
        """Yield round times that are so far apart, and the beginning of stretches in which there is none."""
        first = self.stretches[0]
        seconds = apart * (first.end - first.begin) / (first.right - first.left)
        step = next((step for step in STEPS if step >= seconds), STEPS[-1])
        for stretch in self.stretches:
            found = range(math.ceil(stretch.begin / step) * step, math.floor(stretch.end) + 1, step)
            yield from found or [math.ceil(stretch.begin)]


def _merged(spans: Iterable[tuple[float, float]], *, pause: float) -> Sequence[tuple[float, float]]:
    """Return spans as few as they can be: those that touch, or have less than a pause between them, are one."""
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1] + pause:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
