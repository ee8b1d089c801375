"""`fab offers` on a cloud without boxes: what there is to be had, at what price, and what is in the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud.handle import Cloud
from tests.kit.fab import fab, pulumi_that_says, refused


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for all tests of this file."""
    started = Cloud.start(tmp_path_factory.mktemp("cloud"), boxes=False)
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(autouse=True)
def plenty(cloud: Cloud) -> None:
    """Begin each test with quotas for all, and no fault."""
    cloud.quotas(L_DB2E81BA=64, L_3819A6DF=64, L_417A185B=0)
    cloud.reset()


def offers(cloud: Cloud, folder: Path, *words: str, **env: str) -> dict[str, Any]:
    done = fab(folder, "offers", "--json", *words, code=0, **cloud.env, **env)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def settings(folder: Path, **values: str) -> dict[str, str]:
    """Put a `pulumi` there whose stack has these settings."""
    rows = {key.replace("_", ":", 1): {"value": value, "secret": False} for key, value in values.items()}
    return {"PATH": pulumi_that_says(folder, json.dumps(rows))}


def test_without_a_stack_the_cheapest_that_runs_a_recipe_comes_first(cloud: Cloud, tmp_path: Path) -> None:
    found = offers(cloud, tmp_path, "--recipe", "caffe", "--region", "eu-west-1")
    first = found["offers"][0]
    assert (first["instanceType"], first["gpu"], first["usdPerHour"]) == ("g4dn.xlarge", "T4", 0.5786)
    assert first["source"] == "price list of rehearsal of eu-west-1"
    assert first["spotPrice"]["low"] <= first["spotPrice"]["now"] <= first["spotPrice"]["high"]
    can = [one["usdPerHour"] for one in found["offers"] if not one["whyNot"]]
    assert can == sorted(can)
    names = {one["instanceType"] for one in found["offers"]}
    assert not any(name.startswith("p5") for name in names), "Caffe is not made for compute 9.0"
    assert "g4dn.8xlarge" in names, "EC2 describes what the table lacks"
    assert "no `pulumi` on PATH" in found["notes"][-1]


def test_the_settings_of_the_stack_say_what_is_wanted(cloud: Cloud, tmp_path: Path) -> None:
    values = {"gpurig_recipe": "pytorch", "aws_region": "us-west-2", "gpurig_spot": "true", "gpurig_hosts": "3"}
    found = offers(cloud, tmp_path, **settings(tmp_path, **values))
    assert (found["recipe"], found["region"], found["spot"], found["notes"]) == ("pytorch", "us-west-2", True, [])
    spot = [one["usdPerHour"] for one in found["offers"] if not one["whyNot"]]
    assert spot == sorted(spot)
    # Three boxes of 16 vCPUs fit into 64, three of 48 do not.
    by_type = {one["instanceType"]: one["whyNot"] for one in found["offers"]}
    assert by_type["g4dn.4xlarge"] == ""
    assert by_type["g4dn.12xlarge"] == "quota: needs 144 vCPUs, 64 of 64 are left"


def test_a_gpu_that_ec2_calls_by_another_name_is_offered_by_its_own(cloud: Cloud, tmp_path: Path) -> None:
    found = offers(cloud, tmp_path, "--recipe", "pytorch", "--region", "us-east-1")
    assert {one["gpu"] for one in found["offers"] if one["instanceType"] == "g7e.2xlarge"} == {"RTX PRO 6000"}


def test_where_boxes_stand_in_a_network_that_is_there_its_zones_alone_are_offered(cloud: Cloud, tmp_path: Path) -> None:
    ec2 = cloud.client("ec2")
    zone = [{"Name": "availability-zone", "Values": ["us-east-1c"]}]
    subnet = ec2.describe_subnets(Filters=zone)["Subnets"][0]["SubnetId"]
    found = offers(cloud, tmp_path, **settings(tmp_path, gpurig_subnetId=subnet, aws_region="us-east-1"))
    assert {one["zone"] for one in found["offers"]} == {"us-east-1c"}


def test_quota_and_ceiling_are_in_the_way_and_said(cloud: Cloud, tmp_path: Path) -> None:
    cloud.quotas(L_DB2E81BA=4)
    found = offers(cloud, tmp_path, "--recipe", "pytorch", "--max-price", "1.00")
    reasons = {one["instanceType"]: one["whyNot"] for one in found["offers"]}
    assert reasons["g4dn.xlarge"] == reasons["g6.xlarge"] == ""
    assert reasons["g4dn.2xlarge"] == "quota: needs 8 vCPUs, 4 of 4 are left"
    assert reasons["p4d.24xlarge"] == "quota: needs 96 vCPUs, 0 of 0 are left"
    assert reasons["g5.xlarge"] == "above $1.000 an hour"
    table = fab(tmp_path, "offers", "--recipe", "pytorch", "--max-price", "1.00", code=0, **cloud.env).stdout
    assert "g4dn.xlarge" in table
    assert "g5.xlarge" not in table
    assert "servicequotas/home/services/ec2/quotas/L-DB2E81BA" in table
    everything = fab(tmp_path, "offers", "--recipe", "pytorch", "--max-price", "1.00", "--all", code=0, **cloud.env)
    assert "above $1.000 an hour" in everything.stdout


def test_what_the_account_may_not_ask_is_said_and_not_made_up(cloud: Cloud, tmp_path: Path) -> None:
    for action in ("GetProducts", "GetServiceQuota", "DescribeSpotPriceHistory"):
        cloud.fault(action, code="AccessDeniedException", message=f"not authorized for {action}", times=99)
    found = offers(cloud, tmp_path, "--recipe", "caffe", "--region", "eu-west-1")
    first = found["offers"][0]
    assert (first["usdPerHour"], first["source"].partition(" for ")[2]) == (0.526, "us-east-1")
    assert first["spotPrice"] is None
    for action in ("GetProducts", "GetServiceQuota", "DescribeSpotPriceHistory"):
        assert any(action in note for note in found["notes"]), action


def test_what_is_typed_wrong(cloud: Cloud, tmp_path: Path) -> None:
    elsewhere: dict[str, Any] = {**cloud.env, "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    said = refused(tmp_path, "offers", "--recipe", "coffee", **elsewhere)
    assert "no region is set" in said
    assert 'no recipe "coffee"' in said
    here: dict[str, Any] = {**cloud.env}
    assert "write USD an hour" in refused(tmp_path, "offers", "--max-price", "cheap", **here)
