"""A stack with a limit from the outside: AWS ends its boxes with nobody there, and nothing is left after a destroy.

Engine and plugin stand in, the cloud's clock is moved, and no boxes are behind the API.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.aws import instances
from provision.life import ceiling
from provision.model.ceiling import moment_of
from provision.model.errors import BadInput
from provision.model.host import Host
from provision.transport.stack import found
from tests.infra.stack import SETTINGS, Stack, open_stack
from tests.kit.cloud import as_user

pytestmark = pytest.mark.life

HOUR = 3600


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """An empty stack, whose cloud this process's own AWS clients reach."""
    from provision.aws.clients import _made

    with open_stack(tmp_path) as made:
        as_user(made.cloud, monkeypatch)
        _made.cache_clear()  # clients of another test's cloud
        yield made
        _made.cache_clear()


def the_host(stack: Stack) -> Host:
    """Return the stack's only host, as `fab` reads it."""
    (host,) = found(json.loads(stack.pulumi("stack", "export"))["deployment"]).hosts
    return host


def state(stack: Stack) -> str:
    name: str = stack.box()["State"]["Name"]
    return name


def ends(stack: Stack) -> dict[str, float]:
    """Return when each schedule is, by its kind."""
    scheduler = stack.cloud.client("scheduler")
    moments = {}
    for one in scheduler.list_schedules()["Schedules"]:
        moment = moment_of(scheduler.get_schedule(Name=one["Name"])["ScheduleExpression"])
        assert moment is not None
        moments[one["Name"].split("-")[1]] = moment
    return moments


def left_over(stack: Stack) -> list[Any]:
    """Return what a ceiling leaves in the account."""
    client = stack.cloud.client
    return [
        *client("scheduler").list_schedules()["Schedules"],
        *client("cloudwatch").describe_alarms()["MetricAlarms"],
        *client("iam").list_roles()["Roles"],
        *client("budgets").describe_budgets(AccountId="123456789012").get("Budgets", []),
    ]


def test_aws_stops_a_box_snapshots_its_volume_and_leaves_nothing(stack: Stack) -> None:
    stack.up(**SETTINGS, maxHours="12")
    host, first = the_host(stack), stack.box()
    assert ends(stack)["stop"] == pytest.approx(first["LaunchTime"].timestamp() + 12 * HOUR + 600, abs=5)
    read = ceiling.read(host)
    assert read is not None
    assert "AWS stops it" in read.shown
    stack.pulumi("preview", "--refresh", "--expect-no-changes")

    # The laptop is off. Ten hours on the user is back for a moment, and wants four more.
    stack.cloud.advance(10 * HOUR)
    until = ceiling.extend(host, 4 * HOUR)
    stack.pulumi("up", "--yes", "--skip-preview")
    assert ends(stack)["stop"] == pytest.approx(until, abs=1)
    assert ends(stack)["snapshot"] == pytest.approx(until + 900, abs=1)
    stack.cloud.advance(4 * HOUR)
    assert state(stack) == "running"
    stack.cloud.advance(3 * HOUR)
    assert state(stack) == "stopped"
    (snapshot,) = stack.snapshots()
    assert snapshot["VolumeId"] == stack.job_volumes()[0]["VolumeId"]
    with pytest.raises(BadInput, match="is over since"):
        ceiling.extend(host, HOUR)
    over = ceiling.read(host)
    assert over is not None
    assert "nothing at AWS stops it now" in over.shown

    # A start counts anew.
    stopped = instances.find(host)
    again = ceiling.arm(host, stopped)
    stack.ec2.start_instances(InstanceIds=[first["InstanceId"]])
    assert again == pytest.approx(instances.find(host).launched + 12 * HOUR + 600, abs=30)
    stack.cloud.advance(13 * HOUR)
    assert state(stack) == "stopped"

    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert left_over(stack) == []


def test_another_limit_type_or_generation_has_an_end_of_its_own(stack: Stack) -> None:
    stack.up(**SETTINGS, maxHours="12")
    first = ends(stack)["stop"]
    stack.up(maxHours="20")
    assert ends(stack)["stop"] == pytest.approx(first + 8 * HOUR, abs=5)
    stack.cloud.advance(5 * HOUR)
    stack.up(generation="2")
    second = stack.box()
    assert ends(stack)["stop"] == pytest.approx(second["LaunchTime"].timestamp() + 20 * HOUR + 600, abs=5)
    policy = stack.cloud.client("iam").get_role_policy(**_ceiling_policy(stack))["PolicyDocument"]
    assert second["InstanceId"] in json.dumps(policy)


def _ceiling_policy(stack: Stack) -> dict[str, str]:
    """Return how IAM names the policy of the ceiling's role."""
    iam = stack.cloud.client("iam")
    (role,) = [one["RoleName"] for one in iam.list_roles()["Roles"] if "ceiling" in one["RoleName"]]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {"RoleName": role, "PolicyName": policy}


def test_a_spot_box_is_terminated_and_its_volume_stays_with_a_snapshot(stack: Stack) -> None:
    stack.up(**SETTINGS, maxHours="6", spot="true")
    stack.cloud.advance(7 * HOUR)
    assert stack.boxes() == []
    (volume,) = stack.job_volumes()
    assert volume["State"] == "available"
    assert [one["VolumeId"] for one in stack.snapshots()] == [volume["VolumeId"]]


def test_money_is_counted_over_all_starts(stack: Stack) -> None:
    stack.up(**SETTINGS, maxSpend="5.53")
    host = the_host(stack)
    stack.cloud.advance(4 * HOUR)
    stack.ec2.stop_instances(InstanceIds=[host.instance_id])
    stack.cloud.advance(100 * HOUR)
    until = ceiling.arm(host, instances.find(host))
    stack.ec2.start_instances(InstanceIds=[host.instance_id])
    assert until == pytest.approx(instances.find(host).launched + 6 * HOUR, abs=120)
    stack.cloud.advance(7 * HOUR)
    assert state(stack) == "stopped"
    refused = stack.fab("extend", "1h", code=2)
    assert "is over since" in refused
    tags = [{"Key": "gpurig:uptime", "Value": ""}]
    stack.ec2.create_tags(Resources=[host.instance_id], Tags=tags)
    poor = Host.from_document({**_row(stack), "limit": {"hours": 0, "usd": 2, "usdPerHour": 0.553}})
    with pytest.raises(BadInput, match=r"\$2 of box .* are spent: it ran 6.0 h"):
        ceiling.arm(poor, instances.find(host))


def _row(stack: Stack) -> dict[str, Any]:
    """Return the stack's only host as the program wrote it."""
    (row,) = json.loads(stack.pulumi("stack", "output", "--json"))["gpurig"]["hosts"]
    document: dict[str, Any] = row
    return document


def test_fab_extend_refuses_before_anything_is_asked_of_aws(stack: Stack) -> None:
    for wrong in ("4", "4x", "0h", "8d"):
        assert "write a time from 1m to 7d" in stack.fab("extend", wrong, code=2)
