"""A project with a stack, for each test of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.engine.lab import Lab

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def empty_lab(tmp_path: Path) -> Lab:
    """A project without a stack."""
    return Lab(tmp_path)


@pytest.fixture
def lab(empty_lab: Lab) -> Lab:
    """A project with an empty stack ``dev``, selected."""
    empty_lab.run("stack", "init", "dev")
    return empty_lab
