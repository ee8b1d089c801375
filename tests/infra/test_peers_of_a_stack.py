"""The group that boxes share comes with the second box and goes with it; the first box stays the one that it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.stack import SETTINGS, Stack, open_stack

pytestmark = pytest.mark.life


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack with one box."""
    with open_stack(tmp_path) as made:
        made.up(**SETTINGS)
        yield made


def _groups(instance: dict[str, Any]) -> set[str]:
    return {group["GroupId"] for group in instance["SecurityGroups"]}


def test_the_first_box_joins_and_leaves_without_being_made_anew(stack: Stack) -> None:
    alone = stack.box()
    stack.up(hosts="2")
    first, second = sorted(stack.boxes(), key=lambda box: box["InstanceId"] != alone["InstanceId"])
    assert first["InstanceId"] == alone["InstanceId"]
    (shared,) = _groups(first) & _groups(second)
    assert _groups(first) == {*_groups(alone), shared}
    (group,) = stack.ec2.describe_security_groups(GroupIds=[shared])["SecurityGroups"]
    (rule,) = group["IpPermissions"]
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [shared]
    assert (rule["IpRanges"], rule["Ipv6Ranges"]) == ([], [])
    stack.up(hosts="1")
    assert (stack.box()["InstanceId"], _groups(stack.box())) == (alone["InstanceId"], _groups(alone))
    assert shared not in {group["GroupId"] for group in stack.ec2.describe_security_groups()["SecurityGroups"]}
