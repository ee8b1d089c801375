"""The little Markdown that generated pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


MARK = "<!-- From here on: written by `make pages`. -->\n"


def below_mark(page: str, written: str) -> str:
    """Return a page whose head is written by hand, and all below the mark anew."""
    head, mark, _ = page.partition(MARK)
    return f"{head}{mark}{written}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column that is empty in every row is left out."""
    rows = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    kept = [index for index in range(len(head)) if any(row[index] for row in rows)]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line[index] for index in kept)} |\n" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """Return a list of points."""
    return "".join(f"- {item}\n" for item in items)


def commands(lines: Iterable[str]) -> str:
    """Return what to type, as a block."""
    return "".join(f"    {line}\n" for line in lines)


def section(title: str, *parts: str) -> str:
    """Return a section of the parts that are not empty, or nothing where all are."""
    text = "\n".join(part.rstrip("\n") + "\n" for part in parts if part)
    return f"\n## {title}\n\n{text}" if text else ""
