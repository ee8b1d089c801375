"""The pages that promise: what stands against each threat and each way to lose money, with a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAMED = re.compile(r"`(tests/[^`:]+)(?:::([^`]+))?`")

pages = pytest.mark.parametrize(
    ("page", "section", "rows"),
    [
        ("docs/costs.md", "Each way to lose money", 18),
        ("docs/threat-model.md", "What stands against what", 37),
        ("docs/threat-model.md", "Promises that hold whatever is thrown at it", 3),
    ],
)


def _rows(page: str, section: str) -> list[list[str]]:
    """Return the cells of each row of the section's table."""
    text = (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pages
def test_each_row_has_something_against_it_and_a_test_that_proves_it(page: str, section: str, rows: int) -> None:
    found = _rows(page, section)
    assert len(found) >= rows
    for threat, against, proof in found:
        assert against, threat
        assert PROOF.search(proof), threat


@pytest.mark.parametrize("page", ["docs/costs.md", "docs/threat-model.md"])
def test_each_test_that_the_page_names_exists(page: str) -> None:
    named = NAMED.findall((ROOT / page).read_text(encoding="utf-8"))
    assert named
    assert not [f"{path}::{name}" for path, name in named if not _has(ROOT / path, name)]


def _has(path: Path, name: str) -> bool:
    """Tell whether there is a test, or where only its file or folder is named, that."""
    if not name:
        return path.exists()
    return path.is_file() and re.search(rf"^def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
