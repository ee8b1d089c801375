"""Unpack one archive from its parts, whole or not at all."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from datasets.get.disk import FULL, full, settle
from datasets.get.feed import Feed, Joined
from datasets.get.tree import Bad, Short, Tree
from datasets.get.untar import untar
from datasets.get.unzip import Whole, unzip, unzip_whole
from datasets.get.words import Stop, amount

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from datasets.get.download import Downloads
    from datasets.get.meter import Meter
    from datasets.get.part import Part
    from datasets.get.sets import Set
    from datasets.get.sums import Sum

KEPT = "what has arrived is kept, and what was unpacked has been deleted"


def unpack(
    one: Set,
    parts: Sequence[Part],
    downloads: Downloads,
    meter: Meter,
    wanted: Mapping[str, Sum],
    folder: Path,
    *,
    frugal: bool,
) -> Tree:
    """Unpack an archive into a folder that is there only once all of it is. Raises `Stop`."""
    new = folder.with_suffix(".new")
    for path in (folder, new):
        shutil.rmtree(path, ignore_errors=True)
    feed = Feed(parts, downloads, wanted, frugal=frugal)
    try:
        tree = _into(new, one, feed, meter)
        tree.finish()
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, Bad):
            for part in parts:
                part.forget()
        if isinstance(error, OSError) and error.errno in FULL:
            raise full(folder.parent, KEPT if not frugal else "what has been read of it has been deleted") from error
        if isinstance(error, Short):
            raise _too_early(one, parts, str(error)) from error
        raise
    settle(new)
    new.replace(folder)
    return tree


def _too_early(one: Set, parts: Sequence[Part], why: str) -> Stop:
    """Return the error of an archive that ends too early: its parts stay, for one more may be all that it lacks."""
    problem = f"{one.name} ends too early{f' ({why})' if why else ''}"
    if untold := [part.source.address for part in parts if part.facts.size is None]:
        where = ", ".join(untold)
        return Stop(f"{problem}: the connection ended, and nobody says how long {where} is", "the same command goes on")
    last = parts[-1]
    hint = "see whether it is whole there; where a part comes after it, the same command with that one too goes on"
    return Stop(f"{problem}, and all {amount(last.facts.size or 0)} of {last.source.address} are here", hint)


def _into(new: Path, one: Set, feed: Feed, meter: Meter) -> Tree:
    tree = Tree(new, one.name)
    meter.reads = feed, tree
    if one.kind != "zip":
        untar(feed, one.kind, tree, one.name)
        return tree
    try:
        unzip(feed, tree, one.name)
    except Whole:
        feed.keep()
        feed.finish()
        shutil.rmtree(new)
        tree = Tree(new, one.name)
        meter.reads = feed, tree
        unzip_whole(Joined(feed.parts), tree, one.name)
    return tree
