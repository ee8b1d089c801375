"""Build a data set of small square pictures for DIGITS and Caffe, on this machine, over all its cores.

It is built in a hidden folder beside its place and gets its name when it is whole. The same sources and settings give
the same bytes, however many processes work on them.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import errno
import os
import re
import signal
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from datasets.build.output import MANIFEST, Output, Row, differs, stems
from datasets.build.picture import FITS, FORMATS, VARIANTS, Job, Shape
from datasets.build.sources import SHOWN, Refused, by_folders, found, same, some
from datasets.build.split import SIDES, split
from datasets.build.table import by_table
from datasets.build.work import Place, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets.build.sources import Sources

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Parser(argparse.ArgumentParser):
    """A command line whose mistakes are told as all others are."""

    def error(self, message: str) -> NoReturn:
        """End the program."""
        fail([message], "", code=2)


def options(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; the defaults are those of `fab dataset-build`, which says all but the flags."""
    parser = Parser(prog="build", description=__doc__, allow_abbrev=False)
    parser.add_argument("name")
    parser.add_argument(
        "--datasets", type=lambda word: Path(word).absolute(), required=True, help="folder of the data sets"
    )
    parser.add_argument("--from", dest="folder", required=True, help="folder of the pictures")
    parser.add_argument("--table", default="", help="table of two tab-separated columns: picture, class")
    parser.add_argument("--labels", default="", help="the classes, one a line; with --table")
    parser.add_argument("--partial", action="store_true", help="the table may leave pictures out")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--fit", choices=FITS, required=True)
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--grey", action="store_true")
    parser.add_argument("--augment", choices=("all", "train", "none"), required=True)
    parser.add_argument("--val", required=True, help="percent of the pictures")
    parser.add_argument("--test", required=True, help="percent of the pictures")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--broken", choices=("stop", "skip"), required=True)
    parser.add_argument("--replace", action="store_true")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args(words)


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What the command line asks for, checked."""

    name: str
    shares: dict[str, Fraction]
    settings: dict[str, Any]
    """What decides what is built, for the manifest."""
    sources: Sources


def wishes(asked: argparse.Namespace) -> Wishes:
    """Check what is asked for and read the sources. Raises `Refused`."""
    problems = []
    if not NAME.fullmatch(asked.name):
        problems.append(f'"{asked.name}": a data set has up to 64 letters, digits, ".", "_" and "-", the first no sign')
    if not 8 <= asked.size <= 4096:
        problems.append(f"--size {asked.size}: between 8 and 4096 pixels")
    if bool(asked.table) != bool(asked.labels):
        problems.append("--table and --labels go together: the table names classes, the labels put them in order")
    if asked.partial and not asked.table:
        problems.append("--partial goes with --table: a folder per class leaves nothing out")
    shares = {side: share(side, getattr(asked, side), problems) for side in SIDES[1:]}
    if sum(shares.values()) >= 1:
        problems.append(f"--val {asked.val} and --test {asked.test} leave nothing to train with")
    if problems:
        raise Refused(problems)
    sources = read(asked)
    goal = (asked.datasets / asked.name).resolve()
    place = sources.folder.resolve()
    if goal == place or goal in place.parents or place in goal.parents:
        raise Refused([f"{goal} would lie in what it is built from, {place}, or the other way"], "take another name")
    keys = ("folder", "table", "labels", "partial", "size", "fit", "format", "grey", "augment", "seed", "broken")
    percents = {side: float(100 * part) for side, part in shares.items()}
    settings = {"name": asked.name, **{key: getattr(asked, key) for key in keys}, **percents}
    return Wishes(asked.name, shares, settings, sources)


def share(side: str, text: str, problems: list[str]) -> Fraction:
    """Return a share of the pictures from its percent."""
    with contextlib.suppress(ValueError, ZeroDivisionError):
        part = Fraction(text) / 100
        if 0 <= part < 1:
            return part
    problems.append(f"--{side} {text}: percent, from 0 to less than 100")
    return Fraction(0)


def read(asked: argparse.Namespace) -> Sources:
    """Return the pictures and their classes. Raises `Refused`."""
    roots = (asked.datasets, asked.datasets.parent / "work")
    folder = found(asked.folder, *roots, option="from")
    if not asked.table:
        return by_folders(folder)
    table = found(asked.table, folder, *roots, option="table")
    labels = found(asked.labels, folder, *roots, option="labels")
    return by_table(folder, table, labels, partial=asked.partial)


def build(asked: argparse.Namespace) -> None:
    """Build what is asked for, unless it is there. Raises `Refused` and `OSError`."""
    wanted = wishes(asked)
    with Place(asked.datasets, asked.name) as place:
        if place.final.exists():
            why = differs(place.final, wanted.sources, wanted.settings)
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
        report(place.final, manifest["counts"], wanted.settings, time.monotonic() - began)


def fill(place: Place, asked: argparse.Namespace, wanted: Wishes) -> dict[str, Any]:
    """Build everything of a data set into its folder in the making; returns the manifest."""
    sources = wanted.sources
    copies = same(sources)
    sides = split(sources, copies, wanted.shares, asked.seed)
    shape = Shape(asked.size, asked.fit, asked.grey, asked.format)
    names = stems(sources, sides)
    jobs = []
    for picture, stem in zip(sources.pictures, names, strict=True):
        augment = asked.augment == "all" or (asked.augment == "train" and sides[picture.name] == "train")
        variants = tuple(VARIANTS) if augment else ("",)
        jobs.append(Job(sources.folder / picture.name, place.part / stem, variants, shape))
    print(f"{asked.name}: {len(jobs)} pictures of {len(sources.labels)} classes, {asked.workers} processes", flush=True)
    rows = []
    # Closed before an error goes on: the folder in the making is taken away, and nobody may write into it by then.
    with contextlib.closing(run(jobs, asked.workers)) as results:
        for picture, stem, made in zip(sources.pictures, names, results, strict=True):
            if made.broken and asked.broken == "stop":
                hint = "to leave such pictures out and list them in broken.txt: --broken skip"
                raise Refused([f"{sources.folder / picture.name} cannot be read: {made.broken}"], hint)
            rows.append(Row(picture, sides[picture.name], stem, made))
    check(sources, rows)
    output = Output(place.part, place.final)
    output.lists(sources, rows, asked.seed)
    return output.close(sources, rows, wanted.settings, len(copies))


def check(sources: Sources, rows: Sequence[Row]) -> None:
    """Raise `Refused` where broken pictures leave a class with nothing to train with."""
    there = {row.picture.label for row in rows if row.side == "train" and row.files}
    lost = [label for number, label in enumerate(sources.labels) if number not in there]
    if lost:
        raise Refused([f"no picture to train with can be read of {some(lost)}"], "see the pictures, or their copies")


def report(folder: Path, counts: dict[str, Any], settings: dict[str, Any], seconds: float) -> None:
    """Say what was built."""
    size, rate = settings["size"], counts["pictures"] / max(seconds, 0.001)
    print(f"{folder}: {counts['pictures']} pictures in {seconds:.0f} s ({rate:.0f} a second), {size}x{size}")
    for side in SIDES:
        if counts[side]["files"]:
            print(
                f"  {side:<5} {counts[side]['pictures']} pictures, {counts[side]['files']} files: {folder}/{side}.txt"
            )
    print(f"  labels: {folder}/labels.txt")
    others = {
        "broken": f"pictures left out, which cannot be read: {folder}/broken.txt",
        "copies": "pictures that are others' copies, on the same side",
        "no pictures": "files left out, which are no pictures by their names",
    }
    for key, what in others.items():
        if counts[key]:
            print(f"  {counts[key]} {what}")


def main(words: Sequence[str]) -> None:
    """Build, or end with the reason why not: exit code 2 where what was asked for is wrong, 1 for all else."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # a name may be no UTF-8
    # Asked to end, it takes away what it has built so far.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    asked = options(words)
    try:
        build(asked)
    except Refused as refusal:
        more = len(refusal.problems) - SHOWN
        rest = [f"and {more} more"] if more > 0 else []
        fail([*refusal.problems[:SHOWN], *rest], refusal.hint, code=2)
    except BrokenProcessPool:
        hint = "a picture may be larger than the memory: --workers 1 shows whether one is"
        fail(["a process that worked on pictures was killed; nothing is left of the build"], hint)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            full = f"the volume of {asked.datasets} is full; what was built of {asked.name} is taken away again"
            fail([full], "make room there, or make it larger: fab volume-grow --size GIB")
        fail([str(error)], "")


def fail(problems: Sequence[str], hint: str, code: int = 1) -> NoReturn:
    """End the program with reasons and the way out."""
    sys.stdout.flush()
    sys.stderr.write("".join(f"gpurig: {line}\n" for line in (*problems, hint) if line))
    raise SystemExit(code)
