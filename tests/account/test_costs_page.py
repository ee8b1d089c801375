"""docs/costs.md: for each way to lose money it names a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "costs.md").read_text()
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _ways() -> list[list[str]]:
    """Return the cells of each row of the table of ways."""
    section = PAGE.partition("\n## Each way to lose money\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_each_way_to_lose_money_has_something_against_it_and_a_test_that_proves_it() -> None:
    ways = _ways()
    assert len(ways) >= 18
    for way, against, proof in ways:
        assert against, way
        assert PROOF.search(proof), way


def test_each_test_that_the_page_names_exists() -> None:
    named = PROOF.findall(PAGE)
    missing = [f"{path}::{name}" for path, name in named if not _has(ROOT / path, name)]
    assert not missing
    assert len(named) == PAGE.count("`tests/")


def _has(path: Path, name: str) -> bool:
    return path.is_file() and re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE) is not None
