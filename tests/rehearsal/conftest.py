"""The cloud that the rehearsal's tests talk to: the real daemon, in a process of its own, without boxes."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.cloud.handle import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cloud_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One daemon for the tests of a module; what they create stays until the module ends."""
    running = Cloud.start(tmp_path_factory.mktemp("cloud"), boxes=False)
    yield running
    running.stop()


@pytest.fixture
def cloud(cloud_daemon: Cloud) -> Cloud:
    """Empty the module's daemon: no resources, no calls, no faults."""
    request = urllib.request.Request(f"{cloud_daemon.endpoint}/moto-api/reset", method="POST")  # noqa: S310
    urllib.request.urlopen(request, timeout=10).close()  # noqa: S310
    cloud_daemon.reset()
    return cloud_daemon


@pytest.fixture
def ec2(cloud: Cloud) -> Any:
    """Return a client of the emptied daemon's EC2."""
    return cloud.client("ec2")
