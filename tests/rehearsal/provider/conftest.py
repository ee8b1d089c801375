"""A plugin process against the rehearsal cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.provider.plugin import Plugin
from tests.rehearsal.provider.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cloud.handle import Cloud


@pytest.fixture(scope="module")
def plugin(cloud_daemon: Cloud) -> Iterator[Plugin]:
    """One plugin process for a module, as an engine would configure it."""
    running = Plugin(
        cloud_daemon.env,
        region="us-east-1",
        defaultTags='{"tags": {"project": "gpurig", "stack": "dev"}}',
        maxRetries="2",
    )
    yield running
    running.close()


@pytest.fixture
def world(cloud: Cloud, plugin: Plugin) -> World:  # noqa: ARG001 - an empty cloud for each
    """The examples in an empty cloud."""
    return World(plugin)
