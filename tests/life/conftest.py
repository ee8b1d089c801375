"""Whole lives on boxes of this machine, by the commands that a user types: `make test-life`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.arrived import user
from tests.kit.box import mark
from tests.kit.web_lab import lab

__all__ = ["lab", "user"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here takes minutes and a real box."""
    mark(items, Path(__file__).parent, pytest.mark.life)
