"""What holds for all tests."""

from __future__ import annotations

import os

import pytest

from rehearsal.cloud.handle import direct


def pytest_configure() -> None:
    """Reach this machine's own servers directly, also where every request is told to go through a proxy."""
    os.environ.update(direct(os.environ))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slow ones: what takes minutes must not be what two workers wait for at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
