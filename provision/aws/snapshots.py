"""Which snapshots of job volumes stand for jobs that no other one has: the rule by which none of them is let go."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPLETED = "completed"
COPIED = "vol-ffffffff"
"""The volume that EC2 names for every copy of a snapshot, whichever it was."""


class Taken(NamedTuple):
    """What a snapshot is of."""

    id: str
    volume: str
    source: str
    """The snapshot that this volume was made from, "" where that is not known."""


def only_copies(newest_first: Iterable[Taken], sources: Iterable[str] = ()) -> set[str]:
    """Return the ids of those that are the last of their volume; a later volume that was made from one stands for it.

    Completed snapshots of one box, the newest first. `sources`: what volumes that are there were made from.
    """
    taken = list(newest_first)
    last = {one.id if one.volume == COPIED else one.volume: one.id for one in reversed(taken)}
    return {*last.values()} - {*sources, *(one.source for one in taken)}
