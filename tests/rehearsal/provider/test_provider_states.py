"""What a resource reads back as in every state that it can be in, and what the next `up` then does: states.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rehearsal.provider.aws import Connection, ProviderError
from rehearsal.provider.config import Settings
from tests.rehearsal.provider.behind import do, filled
from tests.rehearsal.provider.examples import EXAMPLES
from tests.rehearsal.provider.telling import Telling, look, up

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.provider.world import World

pytestmark = pytest.mark.standins

STATES = yaml.safe_load(Path(__file__).with_name("states.yaml").read_text())
TAGS = {"project": "gpurig", "stack": "dev"}
"""The provider's defaults, as `plugin` has them."""


@pytest.fixture
def aws(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Telling:
    """Calls to the cloud from this process."""
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    return Telling(Connection(Settings(region="us-east-1", default_tags=TAGS, max_attempts=2)))


@pytest.mark.parametrize("row", STATES, ids=lambda row: f"{row['example']}: {row['state']}")
def test_what_a_state_reads_as(cloud: Cloud, world: World, aws: Telling, row: dict[str, Any]) -> None:
    for name in row.get("needs", ()):
        world.make(name)
    token = EXAMPLES[row["example"]].token
    given = world.inputs(row["example"], **row.get("with", {}))
    resource = world.plugin.create(token, {name: value for name, value in given.items() if value is not None})
    do(cloud, row.get("calls", ()), resource, world)
    told = Telling(aws.connection, told=row.get("told", {}))
    reads = row.get("reads", {})
    if reads == "gone":
        assert look(told, resource) is None
        return
    if isinstance(reads, str):
        with pytest.raises(ProviderError, match=reads):
            look(told, resource)
        return
    found = look(told, resource)
    assert found is not None
    assert {name: found.outputs.get(name) for name in reads} == filled(reads, resource, world)
    wanted = row.get("next", {})
    changed = up(found, resource)
    assert sorted(change.path for change in changed if change.replaces) == wanted.get("replaces", [])
    if not wanted.get("replaces"):
        assert sorted(change.path for change in changed) == wanted.get("updates", [])
