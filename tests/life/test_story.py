"""A box's whole life as `make rehearse LIFE=1` tells it, by the commands that a user types, and nothing left after."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.fab import ROOT

SIGNS = (
    "all is there; next: fab offers, fab up",
    "the box is made: g4dn.xlarge in",
    "the box is taken",
    "looking elsewhere, as `fab up` does",
    "the jobs follow to",
    "train goes on on box",
    "every step was made once",
    "AWS's schedules stopped it",
    "snapshots, nothing else",
    "is without an owner in",
)
"""What the story says when it comes to each part of it, in order."""


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder in the checkout, whose disk has room for boxes."""
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-test-") as folder:
        yield Path(folder)


def test_a_whole_life_is_told_in_order_and_the_machine_given_back(state: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", "story", "--life", "--state", str(state)],
        cwd=ROOT,
        env={**os.environ, "SOURCES": "standins"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout[-9000:]
    places = [done.stdout.find(sign) for sign in SIGNS]
    assert -1 not in places, [sign for sign, place in zip(SIGNS, places, strict=True) if place < 0]
    assert places == sorted(places)
    assert "stand-in" in done.stdout.partition("What was real, and what stood in")[2]
    assert json.loads((state / "boxes" / "taken.json").read_text()) == []
