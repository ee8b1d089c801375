"""What a rehearsal needs around its commands: no proxy in the way, and a true account of what is left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.__main__ import main
from rehearsal.cloud.handle import Cloud, direct
from rehearsal.errors import RehearsalError
from rehearsal.site import Site
from rehearsal.story.leftovers import only_snapshots

DEAD_PROXY = "http://127.0.0.1:9"
CLIENT = "import boto3; print(len(boto3.client('ec2').describe_vpcs()['Vpcs']))"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud of a machine whose every HTTP request would go to a proxy that does not answer."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, DEAD_PROXY)
    running = Cloud.start(tmp_path / "state", boxes=False)
    yield running
    running.stop()


def test_nothing_of_a_rehearsal_goes_through_the_proxy(cloud: Cloud) -> None:
    assert len(cloud.client("ec2").describe_vpcs()["Vpcs"]) == 1  # the account's own
    assert [call["action"] for call in cloud.calls()] == ["DescribeVpcs"]
    site = Site(cloud=cloud, stack="rehearsal", engine="none")
    command = [sys.executable, "-c", CLIENT]
    done = subprocess.run(command, env=site.env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert site.env["http_proxy"] == DEAD_PROXY


def test_no_proxy_keeps_what_it_says() -> None:
    said = direct({"NO_PROXY": "intranet.example"})
    assert said["no_proxy"] == said["NO_PROXY"]
    assert said["no_proxy"].split(",")[0] == "intranet.example"
    assert "127.0.0.1" in said["no_proxy"].split(",")
    assert direct({"no_proxy": "*"})["no_proxy"] == "*"


def test_snapshots_alone_may_be_left(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    ec2 = cloud.client("ec2")
    with pytest.raises(RehearsalError, match="left no snapshot"):
        only_snapshots(cloud)
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    ec2.create_snapshot(VolumeId=volume)
    with pytest.raises(RehearsalError, match=r"left 1 volumes$"):
        only_snapshots(cloud)
    ec2.delete_volume(VolumeId=volume)
    only_snapshots(cloud)
    assert "1 snapshot, nothing else" in capsys.readouterr().out
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    with pytest.raises(RehearsalError, match=r"left 1 internet gateways$"):
        only_snapshots(cloud)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")
    own = [{"Name": "vpc-id", "Values": [vpc]}]
    tables = [ec2.describe_route_tables(Filters=own)["RouteTables"][0]["RouteTableId"]]
    service = "com.amazonaws.us-east-1.s3"
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=service, VpcEndpointType="Gateway", RouteTableIds=tables)[
        "VpcEndpoint"
    ]
    left = "1 VPCs, 1 subnets, 1 route tables, 1 security groups"
    with pytest.raises(RehearsalError, match=f"{left}, 1 VPC endpoints$"):
        only_snapshots(cloud)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    with pytest.raises(RehearsalError, match=f"{left}$"):
        only_snapshots(cloud)


def test_clean_says_that_it_switches_a_cloud_off_and_spares_what_it_did_not_make(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (cloud.state / "mine").touch()
    monkeypatch.setattr(sys, "argv", ["rehearsal", "clean", "--state", str(cloud.state)])
    assert main() == 0
    assert "switching off the rehearsal cloud that was kept" in capsys.readouterr().out
    assert Cloud.find(cloud.state) is None
    assert [path.name for path in cloud.state.iterdir()] == ["mine"]
