"""Build a data set of small square pictures for DIGITS and Caffe, on this machine, over all its cores.

It is built in a hidden folder beside its place and gets its name when it is whole. The same sources and settings give
the same bytes, however many processes work on them.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.build.options import checked, parsed
from datasets.build.output import LEFT_OUT, MANIFEST, Output, Row, difference, target_stems
from datasets.build.picture import VARIANTS, Job, Shape
from datasets.build.place import Place
from datasets.build.pool import run
from datasets.build.sources import SHOWN, Refused, find_copies, first_few
from datasets.build.split import SIDES, split
from datasets.disk import DISK_FULL
from datasets.messages import print_failure

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from datasets.build.options import Request
    from datasets.build.sources import Sources


def build(asked: argparse.Namespace) -> None:
    """Build what is asked for, unless it is there. Raises `Refused` and `OSError`."""
    wanted = checked(asked)
    with Place(asked.datasets, asked.name) as place:
        if place.final.exists():
            why = difference(place.final, wanted.sources, wanted.settings)
            if not why:
                print(f"{asked.name}: nothing to do, it was built from the same pictures with the same settings")
                return
            if not (place.final / MANIFEST).exists():
                raise Refused([f"{place.final} is there already, and was not built here"], "take another name")
            if not asked.replace:
                hint = "to build it in its place: --replace; or take another name"
                raise Refused([f"{place.final} is there already: {why}"], hint)
        began = time.monotonic()
        manifest = fill(place, asked, wanted)
        place.publish()
        report(place.final, manifest["counts"], wanted, time.monotonic() - began)


def fill(place: Place, asked: argparse.Namespace, wanted: Request) -> dict[str, Any]:
    """Build everything of a data set into its folder in the making; returns the manifest."""
    sources = wanted.sources
    copies = find_copies(sources)
    sides = split(sources, copies, wanted.shares, asked.seed)
    shape = Shape(asked.size, asked.fit, asked.grey, asked.format, asked.bits, asked.megapixels)
    names = target_stems(sources, sides)
    jobs = []
    for picture, stem in zip(sources.pictures, names, strict=True):
        augment = asked.augment == "all" or (asked.augment == "train" and sides[picture.name] == "train")
        variants = tuple(VARIANTS) if augment else ("",)
        source = sources.folder / picture.name
        # No folder in the one that is built from: that would be a class.
        scaled = sources.folder.with_name(f"{sources.folder.name}-scaled") / Path(picture.name).parent
        jobs.append(Job(source, place.part / stem, variants, shape, scaled))
    print(f"{asked.name}: {len(jobs)} pictures of {len(sources.labels)} classes, {asked.workers} processes", flush=True)
    rows = []
    # Closed before an error goes on: the folder in the making is taken away, and nobody may write into it by then.
    with contextlib.closing(run(jobs, asked.workers)) as results:
        for picture, stem, made in zip(sources.pictures, names, results, strict=True):
            rows.append(Row(picture, sides[picture.name], stem, made))
            # What an option takes is gone through to its end: another picture may want more of it.
            if asked.broken == "stop" and made.broken and not made.option:
                break
    if asked.broken == "stop":
        check_whole(sources, rows)
    check(sources, rows)
    output = Output(place.part, place.final)
    output.lists(sources, rows, asked.seed)
    return output.close(sources, rows, wanted.settings, len(copies))


def check_whole(sources: Sources, rows: Sequence[Row]) -> None:
    """Raise `Refused` where pictures cannot be read: for each option, with the one that wants most of it."""
    broken = [row for row in rows if row.made.broken]
    problems = []
    for option in dict.fromkeys(row.made.option for row in broken):
        alike = [row for row in broken if row.made.option == option]
        most = max(alike, key=lambda row: row.made.least)
        others = f"; {len(alike) - 1} more of its kind want no more than that" if len(alike) > 1 else ""
        problems.append(f"{sources.folder / most.picture.name} cannot be read: {most.made.broken}{others}")
    if problems:
        raise Refused(problems, "to leave such pictures out and list them in broken.txt: --broken skip")


def check(sources: Sources, rows: Sequence[Row]) -> None:
    """Raise `Refused` where broken pictures leave a class with nothing to train with."""
    there = {row.picture.label for row in rows if row.side == "train" and row.files}
    lost = [label for number, label in enumerate(sources.labels) if number not in there]
    if lost:
        raise Refused(
            [f"no picture to train with can be read of {first_few(lost)}"], "see the pictures, or their copies"
        )


def report(folder: Path, counts: dict[str, Any], wanted: Request, seconds: float) -> None:
    """Say what was built."""
    size, rate = wanted.settings["size"], counts["pictures"] / max(seconds, 0.001)
    print(f"{folder}: {counts['pictures']} pictures in {seconds:.0f} s ({rate:.0f} a second), {size}x{size}")
    for side in SIDES:
        if counts[side]["files"]:
            print(
                f"  {side:<5} {counts[side]['pictures']} pictures, {counts[side]['files']} files: {folder}/{side}.txt"
            )
    print(f"  labels: {folder}/labels.txt")
    others = {
        "broken": f"pictures left out, which cannot be read: {folder}/broken.txt",
        "deep": "pictures of more than 8 bits a channel, scaled to 8",
        "copies": "pictures that are others' copies, on the same side",
        "no pictures": f"files left out, which are no pictures by their names: {first_few(wanted.sources.others)}",
    }
    for key, what in others.items():
        if counts[key]:
            print(f"  {counts[key]} {what}")
    if counts["no pictures"]:
        print(f"  all of their names: {folder}/{LEFT_OUT}")


def main(words: Sequence[str]) -> int:
    """Build; returns the exit code: 2 where what was asked for is wrong, 1 for all else that went wrong."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a name may be no UTF-8
    # Asked to end, it takes away what it has built so far.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked = parsed(words)
    try:
        build(asked)
    except Refused as refusal:
        more = len(refusal.problems) - SHOWN
        rest = [f"and {more} more"] if more > 0 else []
        print_failure(*refusal.problems[:SHOWN], *rest, refusal.hint)
        return 2
    except BrokenProcessPool:
        hint = "a picture may be larger than the memory: --workers 1 has one of them in it at a time"
        print_failure("a process that worked on pictures was killed; nothing is left of the build", hint)
        return 1
    except OSError as error:
        if error.errno in DISK_FULL:
            full = f"the volume of {asked.datasets} is full; what was built of {asked.name} is taken away again"
            print_failure(full, "make room there, or make it larger: fab volume-grow --size GIB")
        else:
            print_failure(str(error))
        return 1
    return 0
