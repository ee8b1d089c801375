"""What `fab` is told of a stack: what was made, also where a `pulumi up` or a destroy did not get to its end."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from provision.model.host import Host
from provision.transport import stack as state
from tests.infra.stack import SETTINGS, Stack, open_stack

pytestmark = pytest.mark.life

NOT_MADE = "was not made, or is gone: the last `pulumi up` or `pulumi destroy` did not get to its end; run it again"
NAMES = ["box", "box-2", "box-3"]


def told(stack: Stack) -> str:
    """Return what a user reads of the hosts that there are."""
    return stack.fab("render", "base", code=2)


def name_of(instance: dict[str, Any]) -> str:
    """Return an instance's name."""
    (name,) = [tag["Value"] for tag in instance["Tags"] if tag["Key"] == "Name"]
    return str(name)


def exported(stack: Stack) -> list[Host]:
    """Return the hosts of the stack's output."""
    document = json.loads(stack.pulumi("stack", "output", "gpurig", "--json"))
    stack_name = f"{document['project']}.{document['stack']}"
    return [dataclasses.replace(Host.from_document(row), stack=stack_name) for row in document["hosts"]]


def test_what_was_made_is_there_and_what_was_not_is_named(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        for name, value in {**SETTINGS, "hosts": "2"}.items():
            stack.pulumi("config", "set", f"gpurig:{name}", value)
        a_first_up_is_refused(stack)
        a_third_host_is_refused(stack)
        a_box_that_takes_the_place_of_another_is_refused(stack)
        # Fewer hosts, and none: no box is missed that is not wanted.
        stack.up(hosts="1")
        made = state.found(stack.state())
        assert ([host.name for host in made.hosts], made.left_out) == (["box"], [])
        stack.pulumi("destroy", "--yes", "--skip-preview")
        assert state.found(stack.state()) == state.Found(hosts=[], left_out=[])
        assert "the Pulumi stack has no hosts" in stack.fab("status", code=3)


def a_first_up_is_refused(stack: Stack) -> None:
    """There are no outputs yet. Whether the other box is there depends on which launch came first."""
    stack.refuse("box-2")
    assert "InsufficientInstanceCapacity" in stack.refused("up", "--yes", "--skip-preview")
    made = state.found(stack.state())
    there = {(host.name, host.instance_id, host.address) for host in made.hosts}
    assert there == {(name_of(box), box["InstanceId"], box["PublicIpAddress"]) for box in stack.boxes()}
    assert f"box-2 {NOT_MADE}" in made.left_out
    assert len(made.hosts) + len(made.left_out) == 2
    stack.pulumi("up", "--yes", "--skip-preview")


def a_third_host_is_refused(stack: Stack) -> None:
    """There are outputs, without the third."""
    stack.pulumi("config", "set", "gpurig:hosts", "3")
    stack.refuse("box-3")
    stack.refused("up", "--yes", "--skip-preview")
    said = told(stack)
    assert f"box-3 {NOT_MADE}" in said
    assert "there are 2: box, box-2" in said

    stack.pulumi("up", "--yes", "--skip-preview")
    made = state.found(stack.state())
    assert [host.name for host in made.hosts] == NAMES
    assert made.left_out == []
    assert made.hosts == exported(stack)
    volumes = {volume["Attachments"][0]["InstanceId"]: volume["VolumeId"] for volume in stack.job_volumes()}
    assert {host.instance_id: host.target.volume_id for host in made.hosts if host.target} == volumes


def a_box_that_takes_the_place_of_another_is_refused(stack: Stack) -> None:
    """Until the end of it the old one is there too, and billed; the outputs know only that one."""
    before = exported(stack)
    stack.pulumi("config", "set", "gpurig:generation", "2")
    stack.refuse("box-2")
    stack.refused("up", "--yes", "--skip-preview")
    assert exported(stack) == before
    ids = {box["InstanceId"] for box in stack.boxes()}
    made = state.found(stack.state())
    assert [host.name for host in made.hosts] == NAMES
    others = ids - {host.instance_id for host in made.hosts}
    assert len(others) == len(ids) - len(NAMES)
    assert sorted(line.split(", ")[1] for line in made.left_out) == sorted(others)
    stack.pulumi("up", "--yes", "--skip-preview")
    assert state.found(stack.state()).left_out == []
