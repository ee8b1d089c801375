"""The engine with the stand-in AWS plugin, on the rehearsal cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal import provider

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud
    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins

PROGRAM = """
import pulumi_aws as aws

cloud = aws.Provider("aws", region="us-east-1", default_tags={"tags": {"stack": "dev"}})
of_cloud = pulumi.InvokeOptions(provider=cloud)
zones = aws.get_availability_zones(state="available", opts=of_cloud).names
options = Opts(provider=cloud)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags={"Name": "lab"}, opts=options)
subnet = aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24", availability_zone=zones[0], opts=options)
volume = aws.ebs.Volume("volume", availability_zone=zones[0], size=SIZE, type="gp3", encrypted=True, opts=options)
pulumi.export("vpc", vpc.id)
"""


def test_a_network_and_a_disk(lab: Lab, cloud: Cloud) -> None:
    provider.install_shim(lab.home / "bin")
    lab.environment.update(cloud.env)
    assert lab.preview(PROGRAM.replace("SIZE", "2")).counts == {"create": 5}
    assert lab.up().counts == {"created": 5}
    assert lab.run("stack", "output", "vpc").text.startswith("vpc-")
    assert lab.run("preview", "--expect-no-changes").counts == {"unchanged": 5}
    assert lab.run("refresh", "--yes", "--expect-no-changes").counts == {"unchanged": 5}
    grown = lab.up(PROGRAM.replace("SIZE", "3"))
    assert grown.counts == {"updated": 1, "unchanged": 4}
    assert "[diff: ~size]" in grown.text
    assert lab.run("destroy", "--yes", "--skip-preview").counts == {"deleted": 5}
