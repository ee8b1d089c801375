"""Unpack one archive from its parts, whole or not at all."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from disk import FULL, full, settle
from feed import Feed, Joined
from tree import Bad, Tree
from untar import untar
from unzip import Whole, unzip, unzip_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from download import Downloads
    from meter import Meter
    from part import Part
    from sets import Set
    from sums import Sum

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
        raise
    settle(new)
    new.replace(folder)
    return tree


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
