"""Ranges of bytes of a file: what of it is here, and what is missing."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Range = tuple[int, int]
    """Where it begins, and where it ends: the byte behind its last one."""


@dataclasses.dataclass(frozen=True)
class Ranges:
    """Ranges in order, with a gap before each but the first."""

    pairs: tuple[Range, ...] = ()

    @classmethod
    def merged(cls, pairs: Iterable[Range]) -> Ranges:
        """Return ranges of any order, those that touch or overlap as one."""
        found: list[Range] = []
        for start, end in sorted(pairs):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            else:
                found.append((start, end))
        return cls(tuple(found))

    def plus(self, start: int, end: int) -> Ranges:
        """Return these and one more."""
        return Ranges.merged((*self.pairs, (start, end)))

    @property
    def size(self) -> int:
        """Return the number of bytes in all of them."""
        return sum(end - start for start, end in self.pairs)

    def end_from(self, position: int) -> int:
        """Return how far they go without a gap from a position on; the position itself where none holds it."""
        return next((end for start, end in self.pairs if start <= position < end), position)

    def gaps(self, size: int) -> Iterator[Range]:
        """Yield what is missing of so many bytes."""
        position = 0
        for start, end in (*self.pairs, (size, size)):
            if position < start:
                yield position, start
            position = end
