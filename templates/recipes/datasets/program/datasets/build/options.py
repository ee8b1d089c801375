"""What the command line asks for, checked."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from datasets.build.depth import BITS
from datasets.build.picture import FITS, FORMATS, Shape
from datasets.build.sources import Refused, from_class_folders, locate
from datasets.build.split import SIDES
from datasets.build.table import from_table
from datasets.messages import print_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets.build.sources import Sources

MOST_MEGAPIXELS = 100_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class _Parser(argparse.ArgumentParser):
    """A command line whose mistakes are told as all others are."""

    def error(self, message: str) -> NoReturn:
        """End the program."""
        print_failure(message)
        raise SystemExit(2)


def parsed(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line; the defaults are those of `fab dataset-build`, which says all but the flags."""
    parser = _Parser(
        prog="build", description="Build a data set of small square pictures for DIGITS and Caffe.", allow_abbrev=False
    )
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
    parser.add_argument("--bits", type=int, choices=BITS, default=0, help="bits of the data in pictures of 16")
    parser.add_argument("--megapixels", type=int, required=True, help="larger pictures are refused")
    parser.add_argument("--replace", action="store_true")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args(words)


@dataclasses.dataclass(frozen=True)
class Request:
    """What the command line asks for, checked."""

    name: str
    shares: dict[str, Fraction]
    settings: dict[str, Any]
    """What decides what is built, for the manifest."""
    sources: Sources


def checked(asked: argparse.Namespace) -> Request:
    """Check what is asked for and read the sources. Raises `Refused`."""
    problems = []
    if not NAME.fullmatch(asked.name):
        problems.append(f'"{asked.name}": a data set has up to 64 letters, digits, ".", "_" and "-", the first no sign')
    if not 8 <= asked.size <= 4096:
        problems.append(f"--size {asked.size}: between 8 and 4096 pixels")
    if not 1 <= asked.megapixels <= MOST_MEGAPIXELS:
        problems.append(f"--megapixels {asked.megapixels}: from 1 to {MOST_MEGAPIXELS}")
    if asked.workers < 1:
        problems.append(f"--workers {asked.workers}: 1 is the least")
    if bool(asked.table) != bool(asked.labels):
        problems.append("--table and --labels go together: the table names classes, the labels put them in order")
    if asked.partial and not asked.table:
        problems.append("--partial goes with --table: a folder per class leaves nothing out")
    shares = {side: _share(side, getattr(asked, side), problems) for side in SIDES[1:]}
    if sum(shares.values()) >= 1:
        problems.append(f"--val {asked.val} and --test {asked.test} leave nothing to train with")
    if problems:
        raise Refused(problems)
    sources = _read(asked)
    goal = (asked.datasets / asked.name).resolve()
    place = sources.folder.resolve()
    if goal == place or goal in place.parents or place in goal.parents:
        raise Refused([f"{goal} would lie in what it is built from, {place}, or the other way"], "take another name")
    keys = ("folder", "table", "labels", "partial", "size", "fit", "format", "grey", "augment", "seed", "broken")
    percents = {side: float(100 * part) for side, part in shares.items()}
    # What a data set of an earlier version says nothing of is as it was then.
    later = {"bits": asked.bits} if asked.bits else {}
    later |= {"megapixels": asked.megapixels} if asked.megapixels != Shape.megapixels else {}
    settings = {"name": asked.name, **{key: getattr(asked, key) for key in keys}, **percents, **later}
    return Request(asked.name, shares, settings, sources)


def _share(side: str, text: str, problems: list[str]) -> Fraction:
    """Return a share of the pictures from its percent."""
    with contextlib.suppress(ValueError, ZeroDivisionError):
        part = Fraction(text) / 100
        if 0 <= part < 1:
            return part
    problems.append(f"--{side} {text}: percent, from 0 to less than 100")
    return Fraction(0)


def _read(asked: argparse.Namespace) -> Sources:
    """Return the pictures and their classes. Raises `Refused`."""
    roots = (asked.datasets, asked.datasets.parent / "work")
    folder = locate(asked.folder, *roots, option="from")
    if not asked.table:
        return from_class_folders(folder)
    table = locate(asked.table, folder, *roots, option="table")
    labels = locate(asked.labels, folder, *roots, option="labels")
    return from_table(folder, table, labels, partial=asked.partial)
