"""Every resource type through its whole life, by the table of examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.engine.wire import UNKNOWN
from rehearsal.provider.catalogue import KINDS
from tests.rehearsal.provider.examples import EXAMPLES

if TYPE_CHECKING:
    from tests.rehearsal.provider.examples import Example
    from tests.rehearsal.provider.plugin import Plugin, Resource, Values
    from tests.rehearsal.provider.world import World

FIXED = {
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"vpcEndpointType"},
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"ingress", "egress"},
}
"""Properties with one value only, which therefore cannot change."""


ALL = pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())


def _settled(plugin: Plugin, resource: Resource) -> None:
    """The cloud agrees with the state, word for word."""
    found = plugin.read(resource)
    assert found.id == resource.id
    assert found.inputs == resource.inputs
    assert found.outputs == resource.outputs
    assert not plugin.diff(found, resource.inputs).some


@ALL
def test_life(world: World, example: Example) -> None:
    plugin, inputs = world.plugin, world.inputs_of(example)
    resource = plugin.create(example.token, inputs)
    _settled(plugin, resource)
    for change in example.updates:
        inputs |= world.resolve(change)
        news = plugin.checked(example.token, inputs, resource.inputs)
        diff = plugin.diff(resource, news)
        assert {path.partition(".")[0].partition("[")[0] for path in diff.paths} >= _touched(resource, change)
        assert not diff.replaces, change
        resource = plugin.update(resource, news)
        _settled(plugin, resource)
    plugin.delete(resource)
    if not KINDS[example.token].forgets(resource.outputs):
        assert plugin.read(resource).id == ""
    plugin.delete(resource)


def _touched(resource: Resource, change: Values) -> set[str]:
    return {name for name, value in change.items() if value is not None and resource.inputs.get(name) != value}


@ALL
def test_replaced_by(world: World, example: Example) -> None:
    plugin, inputs = world.plugin, world.inputs_of(example)
    resource = plugin.create(example.token, inputs)
    for name, value in example.replaces.items():
        news = {**resource.inputs, name: world.resolve(value)}
        assert name in plugin.diff(resource, news).replaces, name
        assert not plugin.diff(resource, news, ignored=[name]).some, name
        # What only the update will know takes a new resource, too.
        assert name in plugin.diff(resource, {**resource.inputs, name: UNKNOWN}).replaces, name


@ALL
def test_preview_knows_the_inputs_and_leaves_open_what_the_cloud_decides(world: World, example: Example) -> None:
    inputs = world.inputs_of(example)
    expected = world.plugin.preview(example.token, inputs)
    made = world.plugin.create(example.token, inputs).outputs
    assert made.keys() <= expected.keys()
    for name, value in expected.items():
        if isinstance(value, dict) and isinstance(made.get(name), dict):
            assert {key: made[name].get(key) for key, part in value.items() if part != UNKNOWN} == {
                key: part for key, part in value.items() if part != UNKNOWN
            }
        elif value != UNKNOWN:
            assert value == made[name], name


@pytest.mark.parametrize("token", KINDS)
def test_the_table_changes_every_property(token: str) -> None:
    changed = FIXED.get(token, set()).copy()
    for example in EXAMPLES.values():
        if example.token == token:
            changed |= example.replaces.keys() | {name for change in example.updates for name in change}
    assert changed >= KINDS[token].fields.keys() - {"tagsAll"}
