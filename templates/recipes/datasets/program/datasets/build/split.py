"""Which side of a data set a picture is on: train, val or test, for each class in the same shares."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets.build.sources import Sources

SIDES = ("train", "val", "test")


def order(seed: int, name: str) -> bytes:
    """Return a key that sorts names as if they were shuffled, alike on every machine and by every Python.

    A picture that comes or goes leaves the order of the others as it is.
    """
    return hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogateescape")).digest()


def counts(pictures: int, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Return how many pictures of a class each side but train gets: one at least, while train keeps one too."""
    wanted = {side: max(1, int(pictures * share + Fraction(1, 2))) for side, share in shares.items() if share}
    while wanted and sum(wanted.values()) >= max(1, pictures):
        # The larger first; of two alike the later one: a class of two pictures has one to validate with.
        most = max(reversed(list(wanted)), key=lambda side: wanted[side])
        wanted[most] -= 1
    return {side: number for side, number in wanted.items() if number}


def split(sources: Sources, copies: Mapping[str, str], shares: Mapping[str, Fraction], seed: int) -> dict[str, str]:
    """Return the side of each picture by its name. `copies`: picture → the first one of the same bytes.

    Copies are on one side, or a network would be tested with what it was trained on.
    """
    classes: dict[int, list[str]] = defaultdict(list)
    for picture in sources.pictures:
        if picture.name not in copies:
            classes[picture.label].append(picture.name)
    sides: dict[str, str] = {}
    for names in classes.values():
        left = sorted(names, key=lambda name: order(seed, name))
        for side, number in counts(len(names), shares).items():
            sides.update(dict.fromkeys(left[:number], side))
            left = left[number:]
        sides.update(dict.fromkeys(left, "train"))
    return {**sides, **{copy: sides[first] for copy, first in copies.items()}}
