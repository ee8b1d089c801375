"""A cloud in this process whose hypervisor writes down what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kit.cloud import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kit.cloud import Wired


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    """Serve a cloud for a test."""
    with serve(tmp_path) as wired:
        yield wired
