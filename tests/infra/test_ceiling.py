"""The end that AWS sees to: which schedule, role and alarm the program asks for, and what it refuses."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from provision.model.ceiling import moment_of, schedule_name
from provision.model.limit import Limit
from tests.infra.aws import OWN_TAGS, Aws
from tests.infra.lab import GOOD, Declared, Run, refused, run

HOUR = 3600
ARN = "arn:aws:ec2:us-east-1:123456789012"


def ended(aws: Aws | None = None, **settings: str) -> Run:
    """Run the program with these settings."""
    return run({**GOOD, **{f"gpurig:{key}": value for key, value in settings.items()}}, aws=aws)


def schedules(box: Run) -> dict[str, Declared]:
    """Return the schedules by what they call."""
    return {one.inputs["target"]["arn"].rpartition(":")[2]: one for one in box.all("Schedule")}


def seconds_to(schedule: Declared) -> float:
    """Return how far in the future a schedule is."""
    moment = moment_of(schedule.inputs["scheduleExpression"])
    assert moment is not None
    return moment - time.time()


def documents(box: Run) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the trust statement and the policy of the ceiling's role."""
    (role,) = [one.inputs for one in box.all("Role") if one.name == "box-ceiling-role"]
    (policy,) = [one.inputs for one in box.all("RolePolicy") if one.name == "box-ceiling-policy"]
    (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
    return trust, json.loads(policy["policy"])["Statement"]


def test_without_a_limit_nothing_ends_a_box_and_no_role_exists(box: Run) -> None:
    assert not box.all("Schedule")
    assert not [one for one in box.all("Role") if "ceiling" in one.name]


def test_aws_stops_the_box_ten_minutes_after_its_own_timer() -> None:
    box = ended(maxHours="12")
    stop = schedules(box)["stopInstances"]
    assert seconds_to(stop) == pytest.approx(12 * HOUR + 600, abs=60)
    assert json.loads(stop.inputs["target"]["input"]) == {"InstanceIds": ["i-box-g1"]}
    assert stop.inputs["target"]["roleArn"] == "arn:aws:iam::123456789012:role/box-ceiling-role-1a2b3c4"
    assert stop.inputs["actionAfterCompletion"] == "NONE"
    assert stop.inputs["flexibleTimeWindow"] == {"mode": "OFF"}
    assert list(stop.options.ignoreChanges) == ["scheduleExpression"]
    (host,) = box.outputs["gpurig"]["hosts"]
    assert host["target"]["lifetime_hours"] == 12
    assert any("AWS stops it 12 h after each start" in message for message in box.messages)


def test_the_hours_count_from_the_launch_by_aws_s_clock() -> None:
    box = ended(Aws(launched=time.time() - 2 * HOUR), maxHours="12")
    assert seconds_to(schedules(box)["stopInstances"]) == pytest.approx(10 * HOUR + 600, abs=60)


@pytest.mark.parametrize("launched", [time.time() - 40 * HOUR, None], ids=["long ago", "unknown"])
def test_a_box_that_is_up_for_longer_already_gets_a_little_time(launched: float | None) -> None:
    box = ended(Aws(launched=launched), maxHours="1")
    assert seconds_to(schedules(box)["stopInstances"]) >= 1700


def test_the_role_may_stop_this_box_snapshot_its_volume_and_nothing_else() -> None:
    trust, statements = documents(ended(maxHours="12"))
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": "123456789012",
        "aws:SourceArn": "arn:aws:scheduler:us-east-1:123456789012:schedule-group/default",
    }
    allowed = {statement["Action"]: statement["Resource"] for statement in statements}
    assert allowed == {
        "ec2:StopInstances": f"{ARN}:instance/i-box-g1",
        "ec2:CreateSnapshot": [f"{ARN}:volume/vol-box-jobs", "arn:aws:ec2:us-east-1::snapshot/*"],
        "ec2:CreateTags": "arn:aws:ec2:us-east-1::snapshot/*",
    }
    assert statements[-1]["Condition"] == {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}


def test_the_snapshot_comes_after_the_stop_and_is_found_as_the_newest() -> None:
    box = ended(maxHours="12")
    snapshot = schedules(box)["createSnapshot"]
    assert seconds_to(snapshot) - seconds_to(schedules(box)["stopInstances"]) == pytest.approx(900, abs=5)
    wanted = json.loads(snapshot.inputs["target"]["input"])
    assert wanted["VolumeId"] == "vol-box-jobs"
    tags = {tag["Key"]: tag["Value"] for tag in wanted["TagSpecifications"][0]["Tags"]}
    # By these tags `jobSnapshot: newest` looks.
    assert tags.items() >= OWN_TAGS.items()


@pytest.mark.parametrize("policy", ["retain", "delete"])
def test_no_snapshot_where_the_policy_wants_none(policy: str) -> None:
    box = ended(maxHours="12", jobVolumeOnDestroy=policy)
    assert set(schedules(box)) == {"stopInstances"}
    assert [statement["Action"] for statement in documents(box)[1]] == ["ec2:StopInstances"]


def test_a_spot_box_is_terminated_as_it_cannot_be_stopped() -> None:
    box = ended(maxHours="12", spot="true")
    assert set(schedules(box)) == {"terminateInstances", "createSnapshot"}
    assert documents(box)[1][0]["Action"] == "ec2:TerminateInstances"
    assert box.only("MetricAlarm").inputs["alarmActions"] == ["arn:aws:automate:us-east-1:ec2:terminate"]


def test_another_instance_type_or_limit_or_instance_has_schedules_of_its_own() -> None:
    # Under its name a schedule keeps the time that it has: what starts the box anew has to give it another.
    runs = [
        ended(maxHours="12"),
        ended(maxHours="13"),
        ended(maxHours="12", instanceType="g5.xlarge"),
        ended(maxHours="12", generation="2"),
    ]
    stops = [schedules(box)["stopInstances"] for box in runs]
    assert len({stop.name for stop in stops}) == len({stop.inputs["name"] for stop in stops}) == 4
    assert all(stop.inputs["name"].startswith("gpurig-stop-i-box-g") for stop in stops)


def test_a_schedule_goes_with_the_settings_and_not_with_a_price_that_moves() -> None:
    # A larger root disk costs more an hour, as another price list does: the money is enough for less.
    runs = [ended(maxSpend="50"), ended(maxSpend="50", rootVolumeGib="500")]
    hours = [box.outputs["gpurig"]["hosts"][0]["limit"]["usdPerHour"] for box in runs]
    assert hours[0] < hours[1]
    stops = [schedules(box)["stopInstances"] for box in runs]
    assert len({stop.name for stop in stops}) == len({stop.inputs["name"] for stop in stops}) == 1
    assert stops[0].inputs["name"] == "gpurig-stop-i-box-g1-g4dn.xlarge-50usd"


def test_the_names_of_schedules_fit_and_differ_for_the_longest_type_and_limit() -> None:
    tails = [f"u7inh-32tb.480xlarge-{Limit(hours=8760, usd=usd).settings}" for usd in (12345.67, 12345.68, None)]
    names = {schedule_name(kind, "i-0123456789abcdef0", tail) for tail in tails for kind in ("stop", "snapshot")}
    assert len(names) == 6
    assert all(re.fullmatch(r"[0-9a-zA-Z._-]{1,64}", name) for name in names)


def test_money_is_a_limit_too_and_the_sooner_one_counts() -> None:
    # $0.553 an hour: see test_contract.
    money = ended(maxSpend="5.53")
    assert seconds_to(schedules(money)["stopInstances"]) == pytest.approx(10 * HOUR, abs=120)
    (host,) = money.outputs["gpurig"]["hosts"]
    assert host["target"]["lifetime_hours"] == 9
    assert host["limit"]["usd"] == 5.53
    assert host["limit"]["usdPerHour"] == pytest.approx(0.553, abs=0.001)
    assert any("when $5.53 are spent in all, which is enough for 10.0 h" in message for message in money.messages)
    both = ended(maxSpend="5.53", maxHours="3")
    assert seconds_to(schedules(both)["stopInstances"]) == pytest.approx(3 * HOUR + 600, abs=60)


def test_money_that_cannot_be_counted_or_is_none_to_speak_of_is_refused() -> None:
    aws = Aws(instance_types={"g6.48xlarge": [{"name": "L4", "count": 8, "manufacturer": "NVIDIA"}]})
    unknown = refused({"instanceType": "g6.48xlarge", "maxSpend": "100"}, aws=aws)
    assert "gpurig:maxSpend: what g6.48xlarge costs an hour is not known" in unknown
    assert "$0.5 is not enough for an hour of g4dn.xlarge ($0.553)" in refused({"maxSpend": "0.5"})


def test_the_name_of_before_is_refused_with_the_one_of_now() -> None:
    told = refused({"maxLifetimeHours": "4"})
    assert "gpurig:maxLifetimeHours: it is called maxHours now" in told
    assert "pulumi config set gpurig:maxHours HOURS" in told


def test_the_alarm_waits_much_longer_than_the_box_and_takes_one_busy_core_for_work(box: Run) -> None:
    alarm = box.only("MetricAlarm").inputs
    assert alarm["period"] * alarm["evaluationPeriods"] == (120 + 360) * 60
    assert (alarm["threshold"], alarm["comparisonOperator"]) == (5, "LessThanThreshold")  # 0.2 of 4 vCPUs
    assert alarm["treatMissingData"] == "notBreaching"
    assert alarm["alarmActions"] == ["arn:aws:automate:us-east-1:ec2:stop"]
    assert alarm["dimensions"] == {"InstanceId": "i-box-g1"}
    large = ended(instanceType="p4d.24xlarge").only("MetricAlarm").inputs
    assert 0 < large["threshold"] < 100 / 96


@pytest.mark.parametrize(("idle", "period", "periods"), [("1080", 300, 288), ("1081", 3600, 25), ("9720", 3600, 168)])
def test_a_long_wait_has_periods_that_cloudwatch_takes(idle: str, period: int, periods: int) -> None:
    alarm = ended(idleStopMinutes=idle).only("MetricAlarm").inputs
    assert (alarm["period"], alarm["evaluationPeriods"]) == (period, periods)


@pytest.mark.parametrize("idle", ["0", "9721"])
def test_there_is_no_alarm_where_the_box_never_stops_or_the_alarm_could_not_wait(idle: str) -> None:
    assert not ended(idleStopMinutes=idle).all("MetricAlarm")


def test_each_box_has_its_own_end() -> None:
    fleet = ended(hosts="2", maxHours="5")
    stops = [one for one in fleet.all("Schedule") if "stop" in one.inputs["name"]]
    assert {json.loads(one.inputs["target"]["input"])["InstanceIds"][0] for one in stops} == {"i-box-g1", "i-box-2-g1"}
