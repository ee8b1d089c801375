"""What holds for all tests."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

from provision.aws import clients, prices
from rehearsal.cloud.handle import direct

# The same inputs at each run, so that a failure is the change's and not the day's; many, and others each time, by
# `--hypothesis-profile nightly`, as `make test-nightly` has it.
_CHECKS = (hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.filter_too_much)
hypothesis.settings.register_profile(
    "default", max_examples=30, derandomize=True, database=None, deadline=None, suppress_health_check=_CHECKS
)
hypothesis.settings.register_profile(
    "nightly", hypothesis.settings.get_profile("default"), max_examples=2000, derandomize=False
)
hypothesis.settings.load_profile("default")


def pytest_configure() -> None:
    """Make this machine's own servers answer past any proxy, and Ctrl-C mean what it means in a terminal."""
    os.environ.update(direct(os.environ))
    # A shell that starts tests in the background has them, and all that they start, ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_client_of_another_test() -> None:
    """Have clients of AWS made anew: they keep the credentials and endpoint of the environment that made them."""
    clients._made.cache_clear()
    clients._session.cache_clear()
    prices._price_list.cache_clear()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the slow ones: what takes minutes must not be what two workers wait for at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
