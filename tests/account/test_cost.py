"""`fab cost`: what boxes, disks and snapshots have cost by AWS's times, and nothing that is unknown counted as zero."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provision.aws import instances
from provision.life import ledger
from provision.model.ceiling import schedule_name
from provision.model.host import Host
from rehearsal.cloud import clock
from tests.account.lab import HOUR, Account, specifications
from tests.kit.fab import host_row, outputs
from tests.kit.schedules import role, schedule
from tests.kit.states import deployment


def rows(document: dict[str, Any], *whats: str) -> list[dict[str, Any]]:
    return [row for row in document["rows"] if row["what"] in whats]


def row(document: dict[str, Any], what: str) -> dict[str, Any]:
    (found,) = rows(document, what)
    return found


def host(box: str) -> Host:
    return Host(name="box", address="", instance_id=box, region="us-east-1")


def test_a_box_that_ran_stopped_and_ran_again(account: Account) -> None:
    box = account.box()
    account.advance(10)
    account.ec2.stop_instances(InstanceIds=[box])
    account.advance(24)
    stopped = account.told("cost")
    instance = row(stopped, "instance")
    price = instance["spent"] / instance["hours"]
    assert (instance["hours"], instance["hour"], instance["state"]) == (pytest.approx(10, abs=0.02), 0.0, "stopped")
    # Its address is billed while it runs, its disk always.
    assert row(stopped, "address")["hours"] == instance["hours"]
    assert row(stopped, "root disk")["hours"] == pytest.approx(34, abs=0.02)
    assert row(stopped, "root disk")["hour"] == pytest.approx(50 * 0.08 / 730)
    ledger.note(host(box), instances.find(host(box)))
    account.ec2.start_instances(InstanceIds=[box])
    account.advance(2)
    running = account.told("cost")
    instance = row(running, "instance")
    assert (instance["hours"], instance["incomplete"]) == (pytest.approx(12, abs=0.03), False)
    assert (instance["hour"], instance["spent"]) == (pytest.approx(price), pytest.approx(12 * price, rel=0.01))
    total = running["total"]
    assert total["spent"] == pytest.approx(sum(one["spent"] for one in running["rows"]))
    assert total["like_this"] == pytest.approx(total["week"] * 7 * 24 / 36, rel=0.01)
    assert total["month"] == pytest.approx(sum(one["hour"] for one in running["rows"]) * 730)
    assert running["is_the_bill"] is False
    assert instance["source"] in running["sources"]
    account.advance(30 * 24)
    instance = row(account.told("cost"), "instance")
    assert instance["week"] == pytest.approx(7 * 24 * price)
    assert list(instance["by_day"].values())[1:-1] == [24.0] * 6


def test_the_hours_of_a_box_that_stopped_by_itself_are_told_by_cloudwatch_or_said_to_be_unknown(
    account: Account,
) -> None:
    box = account.box()
    account.advance(70)
    account.wired.hypervisor.tell_power_off(box)
    account.advance(20 * 24)
    found = row(account.told("cost"), "instance")
    assert (found["hours"], found["incomplete"]) == (pytest.approx(70, abs=0.1), False)
    assert "CloudWatch" in found["remark"]
    account.wired.cloud.fault("GetMetricStatistics", code="AccessDenied", status=403, times=3)
    found = row(account.told("cost"), "instance")
    assert (found["hours"], found["incomplete"]) == (0.0, True)
    assert "nobody says when" in found["remark"]
    account.wired.cloud.fault("GetMetricStatistics", code="AccessDenied", status=403, times=3)
    said = account.fab("cost")
    assert "≥0.0" in said
    assert "at least: 2 rows without a price, or billed for a time that nobody knows" in said
    # What is noted at the next start is known for good.
    account.wired.cloud.reset()
    noted = ledger.note(host(box), instances.find(host(box)))
    assert noted.hours(0, None) == pytest.approx(70, abs=0.1)


def test_a_start_past_fab_leaves_hours_that_are_said_to_be_unknown(account: Account) -> None:
    box = account.box()
    account.advance(5)
    account.ec2.stop_instances(InstanceIds=[box])
    account.ec2.start_instances(InstanceIds=[box])
    account.advance(1)
    found = row(account.told("cost"), "instance")
    assert (found["hours"], found["incomplete"]) == (pytest.approx(1, abs=0.02), True)
    assert "1 time that it ran for nobody knows how long" in found["remark"]


def test_what_a_user_forgets_is_in_the_table(account: Account) -> None:
    account.snapshot(account.volume())
    box = account.box(stack="other")
    tags = {"image": "ubuntu-22.04", "recipe": "digits"}
    both = specifications("image", stack="dev", **tags) + specifications("snapshot", stack="dev", **tags)
    image = account.ec2.create_image(InstanceId=box, Name="baked", NoReboot=True, TagSpecifications=both)["ImageId"]
    account.advance(730)
    found = account.told("cost")
    volume, snapshot, baked = (row(found, what) for what in ("job volume", "snapshot", "image"))
    assert (volume["spent"], volume["state"], volume["at_most"]) == (pytest.approx(8, rel=0.01), "available", False)
    assert volume["remark"] == "attached to nothing, and billed all the same"
    assert (snapshot["spent"], snapshot["at_most"]) == (pytest.approx(5, rel=0.01), True)
    assert (baked["id"], baked["at_most"]) == (image, True)
    assert len(found["rows"]) == 3  # nothing of another stack
    assert "≤$5.00" in account.fab("cost")


def test_a_second_region_is_not_forgotten(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    import boto3

    west = boto3.client("ec2", region_name="eu-west-1", endpoint_url=account.wired.cloud.endpoint)
    tags = [{"Key": "gpurig:project", "Value": "gpurig"}, {"Key": "gpurig:stack", "Value": "dev"}]
    west.create_volume(
        AvailabilityZone="eu-west-1a", Size=10, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )
    found = account.told("cost")
    assert (found["regions"], row(found, "volume")["region"]) == (["eu-west-1", "us-east-1"], "eu-west-1")
    account.wired.cloud.fault("GetResources", code="AccessDeniedException", times=1000)
    found = account.told("cost")
    assert found["regions"] == ["us-east-1"]
    assert "AccessDenied" in found["not_looked_at"]["eu-west-1"]
    assert "not looked at: eu-west-1:" in account.fab("cost")


def test_one_region_that_refuses_is_named_and_ends_nothing(account: Account) -> None:
    box = account.box()
    other = {"urn": "urn:pulumi:dev::gpurig::pulumi:providers:aws::west", "type": "pulumi:providers:aws"}
    state = deployment(box)
    state["resources"].append({**other, "inputs": {"region": "eu-west-1"}})
    account.knows({"dev": state})
    west = {"RegionName": "eu-west-1"}
    for verb in ("cost", "orphans"):
        account.wired.cloud.fault("DescribeRegions", code="UnauthorizedOperation", status=403, times=1000, match=west)
        found = account.told(verb)
        assert found["regions"] == ["us-east-1"]
        assert "UnauthorizedOperation" in found["not_looked_at"]["eu-west-1"]
        assert "not looked at: eu-west-1: " in account.fab(verb)


def test_the_provider_that_asks_for_prices_is_nobodys_home(account: Account) -> None:
    state = deployment(region="eu-west-1")
    prices = {"urn": "urn:pulumi:dev::gpurig::pulumi:providers:aws::aws-prices", "type": "pulumi:providers:aws"}
    state["resources"].insert(0, {**prices, "inputs": {"region": "us-east-1"}})
    account.knows({"dev": state})
    assert account.told("orphans")["home"] == "eu-west-1"
    assert account.told("cost")["regions"] == ["eu-west-1"]


def test_a_terminated_box_is_counted_while_ec2_shows_it(account: Account) -> None:
    box = account.box()
    account.advance(3)
    account.ec2.terminate_instances(InstanceIds=[box])
    account.advance(0.5)
    found = row(account.told("cost"), "instance")
    assert (found["hours"], found["hour"], found["state"]) == (pytest.approx(3, abs=0.02), 0.0, "terminated")


def test_a_price_that_nobody_says_is_no_zero(account: Account) -> None:
    account.box(kind="m3.medium")
    account.advance(3)
    found = account.told("cost")
    assert (row(found, "instance")["spent"], row(found, "instance")["hour"]) == (None, None)
    assert found["total"]["unknown"] == 1
    assert "unknown" in account.fab("cost")


def test_what_the_ceiling_leaves(account: Account) -> None:
    box = account.box()
    limit = {"hours": 12, "usd": 40, "usdPerHour": 0.55}
    state = json.loads(outputs(host_row(instanceId=box, limit=limit)))["deployment"]
    account.knows({"dev": {"resources": [*deployment()["resources"], *state["resources"]]}})
    stop = schedule(role(account.wired), "stopInstances", {"InstanceIds": [box]}, clock.now() + 12 * HOUR)
    scheduler = account.wired.cloud.client("scheduler")
    scheduler.create_schedule(**{**stop, "Name": schedule_name("stop", box, "g4dn.xlarge-12h")})
    account.advance(10)
    found = account.told("cost")
    (left,) = found["ceilings"]
    assert left["hours"] == pytest.approx(2, abs=0.02)
    assert left["usd"] == pytest.approx(40 - 10 * 0.55, abs=0.02)
    assert f"the ceiling leaves box ({box}) $" in account.fab("cost")
    # Later than `gpurig:maxHours`, as after `fab extend 4h`.
    moved = schedule(stop["Target"]["RoleArn"], "stopInstances", {"InstanceIds": [box]}, clock.now() + 6 * HOUR)
    scheduler.update_schedule(**{**moved, "Name": schedule_name("stop", box, "g4dn.xlarge-12h")})
    account.advance(3)
    assert account.told("cost")["ceilings"][0]["hours"] == pytest.approx(3, abs=0.02)
    assert "and 3.0 hours until AWS ends it" in account.fab("cost")
    account.wired.cloud.fault("GET /schedules", code="AccessDeniedException", status=403, times=99)
    found = account.told("cost")
    assert found["ceilings"][0]["hours"] is None
    assert "cannot ask AWS for the ceiling" in found["not_looked_at"][f"the end of box ({box})"]


def test_without_a_stack_or_an_account_it_says_so(account: Account) -> None:
    account.knows({})
    assert "no stack is selected" in account.fab("cost", code=3)
    account.knows({"dev": deployment()})
    assert "dev has nothing in us-east-1" in account.fab("cost")
    account.wired.cloud.fault("DescribeVolumes", code="UnauthorizedOperation", status=403, times=5)
    assert "cannot ask EC2 in us-east-1 what it has of gpurig" in account.fab("cost", code=1)
    account.path = "/usr/bin:/bin"
    assert "no `pulumi` on PATH" in account.fab("cost", code=3)
