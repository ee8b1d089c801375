"""The tag in which `fab` keeps the hours of a box is its own: no refresh and no update shows, changes or removes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.model.tags import UPTIME
from tests.infra.stack import SETTINGS, open_stack

pytestmark = pytest.mark.life


def test_a_refresh_and_an_update_leave_the_hours_of_a_box_alone(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        stack.up(**SETTINGS)
        box = stack.box()["InstanceId"]
        stack.ec2.create_tags(Resources=[box], Tags=[{"Key": UPTIME, "Value": "1 0 0 0"}])
        stack.pulumi("refresh", "--yes", "--expect-no-changes")
        stack.pulumi("preview", "--expect-no-changes")
        # An update that changes the very tags of the instance.
        stack.ec2.create_tags(Resources=[box], Tags=[{"Key": "Name", "Value": "by hand"}])
        stack.pulumi("refresh", "--yes")
        stack.up()
        tags = {tag["Key"]: tag["Value"] for tag in stack.box()["Tags"]}
        assert (tags[UPTIME], tags["Name"]) == ("1 0 0 0", "box")
        assert stack.box()["InstanceId"] == box
