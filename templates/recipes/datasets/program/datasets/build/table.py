"""The table of a data set: two tab-separated columns, picture and class, and the list of the classes."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING

from datasets.build.sources import Refused, files_below, first_few, is_picture, sources_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from datasets.build.sources import Sources


def from_table(folder: Path, table: Path, labels: Path, *, partial: bool) -> Sources:
    """Read a table of two tab-separated columns, picture and class, and the list of the classes. Raises `Refused`.

    `partial`: the folder may hold pictures that the table does not name.
    """
    tables = {os.path.relpath(path, folder) for path in (table, labels)}
    files = {name: about for name, about in files_below(folder).items() if name not in tables}
    problems: list[str] = []
    names = _read_labels(labels, problems)
    if problems:
        raise Refused(problems)
    rows = _Rows(folder, table, names, files)
    rows.read()
    problems = rows.problems
    hint = ""
    if problems and all(problem.startswith(f"{table}:1: ") for problem in problems):
        hint = f"if line 1 is a heading, take it off: sed -i 1d {table}"
    elif not problems:
        unused = [f'{labels}: no picture of {table} is a "{name}"' for name in set(names) - rows.used]
        problems += sorted(unused)
        missing = [name for name in files if is_picture(name) and name not in rows.labelled]
        if missing and not partial:
            problems.append(f"{table} has no row for {len(missing)} pictures of {folder}: {first_few(missing)}")
            hint = "to leave them out: --partial"
    if problems:
        raise Refused(problems, hint)
    return sources_of(folder, names, rows.labelled, files)


class _Rows:
    """The rows of a table, looked up in the folder and among the labels."""

    def __init__(self, folder: Path, table: Path, labels: Sequence[str], files: dict[str, os.stat_result]) -> None:
        self.folder, self.table, self.labels, self.files = folder, table, labels, files
        self.index = {label: number for number, label in enumerate(labels)}
        # Where a class is itself called by a number, a number can only be that name.
        self.numbers = not any(label.isdecimal() for label in labels)
        self.stems: dict[str, list[str]] = defaultdict(list)
        for name in filter(is_picture, files):
            self.stems[os.path.splitext(name)[0]].append(name)  # noqa: PTH122
        self.labelled: dict[str, int] = {}
        self.used: set[str] = set()
        self.problems: list[str] = []

    def read(self) -> None:
        """Fill `labelled` and `problems`."""
        lines: dict[str, int] = {}
        for number, line in _lines(self.table):
            if not line.strip():
                continue
            columns = [column.strip() for column in line.split("\t")]
            if len(columns) != 2:
                there = "1 column" if len(columns) == 1 else f"{len(columns)} columns"
                self._problem(number, f"{there}; two are wanted, picture and class, with a tab between them")
                continue
            name, label = self._picture(number, columns[0]), self._label(number, columns[1])
            if name in lines:
                self._problem(number, f'"{columns[0]}" has a row already, in line {lines[name]}')
            elif name:
                lines[name] = number
                self.labelled[name] = label
        if not lines and not self.problems:
            self.problems.append(f"{self.table} has no rows")

    def _problem(self, number: int, what: str) -> None:
        self.problems.append(f"{self.table}:{number}: {what}")

    def _picture(self, number: int, word: str) -> str:
        """Return the name of the picture that a row means; the suffix may be left out where that leaves one only."""
        name = os.path.relpath(os.path.join(self.folder, word), self.folder)  # noqa: PTH118
        if name in self.files:
            return name
        there = self.stems.get(name, [])
        if len(there) == 1:
            return there[0]
        if there:
            self._problem(number, f'"{word}" may be each of {first_few(there)}: write it with its suffix')
        else:
            self._problem(number, f'there is no picture "{word}" in {self.folder}')
        return ""

    def _label(self, number: int, word: str) -> int:
        """Return the index of a row's class, given by its name or by its 0-based index."""
        label = self.index.get(word, -1)
        if label < 0 and self.numbers and word.isdecimal() and int(word) < len(self.labels):
            label = int(word)
        if label < 0:
            self._problem(number, f'there is no class "{word}"; there are: {first_few(self.labels, 10)}')
        else:
            self.used.add(self.labels[label])
        return label


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers. Raises `Refused` where it is no UTF-8."""
    if not path.is_file():
        raise Refused([f"{path} is no file"])
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused([f"{path}:{line}: no UTF-8 text"], f"iconv -f LATIN1 -t UTF-8 {path}") from None
    yield from enumerate(text.rstrip().replace("\r\n", "\n").split("\n"), 1)


def _read_labels(path: Path, problems: list[str]) -> list[str]:
    """Return the classes, one a line; what is wrong goes to `problems`."""
    lines: dict[str, int] = {}
    for number, line in _lines(path):
        label = line.strip()
        if not label:
            problems.append(f"{path}:{number}: an empty row; each row is the name of a class")
        elif "\t" in label:
            problems.append(f"{path}:{number}: a tab; each row is the name of a class and nothing else")
        elif label in lines:
            problems.append(f'{path}:{number}: "{label}" is there already, in line {lines[label]}')
        else:
            lines[label] = number
    if len(lines) < 2 and not problems:
        problems.append(f"{path} names {len(lines)} class; two are the least")
    return list(lines)
