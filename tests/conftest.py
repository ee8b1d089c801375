"""What holds for all tests."""

from __future__ import annotations

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slow ones: what takes minutes must not be what two workers wait for at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
