"""Fixtures of the recipes' tests: `lib.sh`, called by a real bash; a web server to fetch data sets from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.web_lab import lab
from tests.recipes.build_lab import Workshop
from tests.recipes.shell import Shell

__all__ = ["lab"]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    folder = tmp_path / "host"
    folder.mkdir()
    return Shell(folder)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A job volume without data sets, and the program that builds them."""
    (tmp_path / "datasets").mkdir()
    return Workshop(tmp_path)
