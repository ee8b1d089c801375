"""The cloud's movable clock, as its clients see it: every time that AWS tells, and what is due at a moment."""

from __future__ import annotations

import datetime as dt
import email.utils
import time
from typing import Any

import pytest

from rehearsal.cloud import clock
from rehearsal.errors import RehearsalError
from tests.kit.cloud import Wired, run, show
from tests.kit.wait import until

HOUR = 3600.0


def date(answer: dict[str, Any]) -> float:
    """Return the header Date of an answer, seconds of UTC."""
    header: str = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
    return email.utils.parsedate_to_datetime(header).timestamp()


def test_every_time_that_aws_tells_goes_by_the_clock(wired: Wired) -> None:
    began = time.time()
    moved = wired.cloud.advance(100 * HOUR)
    assert moved - began >= 100 * HOUR
    instance = run(wired.ec2)
    volume = wired.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    snapshot = wired.ec2.create_snapshot(VolumeId=volume["VolumeId"])
    for told in (instance["LaunchTime"], volume["CreateTime"], snapshot["StartTime"]):
        assert abs(told.timestamp() - moved) < HOUR
    assert abs(date(wired.ec2.describe_regions()) - moved) < HOUR
    assert abs(wired.cloud.calls("RunInstances")[0]["time"] - moved) < HOUR
    role = wired.cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]
    assert abs(role["CreateDate"].timestamp() - moved) < HOUR


def test_the_times_of_a_stop_and_of_the_next_start_are_told_as_ec2_does(wired: Wired) -> None:
    identifier = run(wired.ec2)["InstanceId"]
    stopped = wired.cloud.advance(HOUR)
    wired.ec2.stop_instances(InstanceIds=[identifier])
    reason = show(wired.ec2, identifier)["StateTransitionReason"]
    told = dt.datetime.strptime(reason, "User initiated (%Y-%m-%d %H:%M:%S GMT)").replace(tzinfo=dt.UTC)
    assert abs(told.timestamp() - stopped) < 60
    wired.cloud.advance(HOUR)
    wired.ec2.stop_instances(InstanceIds=[identifier])
    assert show(wired.ec2, identifier)["StateTransitionReason"] == reason
    wired.ec2.start_instances(InstanceIds=[identifier])
    started = show(wired.ec2, identifier)
    assert started["LaunchTime"].timestamp() - stopped >= HOUR - 60
    assert started["StateTransitionReason"] == ""


def test_of_a_box_that_switched_itself_off_ec2_tells_no_time(wired: Wired) -> None:
    identifier = run(wired.ec2)["InstanceId"]
    wired.hypervisor.tell_power_off(identifier)
    shown = show(wired.ec2, identifier)
    assert shown["StateTransitionReason"] == "User initiated"
    assert shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_what_is_due_happens_in_order_each_at_its_moment(wired: Wired) -> None:
    ours = clock.current()
    began = ours.now()
    seen: list[float] = []
    for hours in (3, 1, 2, 9):
        ours.at(began + hours * HOUR, lambda: seen.append(round((ours.now() - began) / HOUR)))
    ours.at(began + 2.5 * HOUR, seen.clear)()  # called off at once
    wired.cloud.advance(4 * HOUR)
    assert seen == [1, 2, 3]
    wired.cloud.advance(4 * HOUR)
    assert seen == [1, 2, 3]


def test_what_is_due_soon_happens_by_itself_and_what_breaks_stops_nothing(wired: Wired) -> None:
    ours = clock.current()
    seen: list[int] = []
    ours.at(ours.now(), lambda: 1 / 0)
    ours.at(ours.now() + 0.2, lambda: seen.append(1))
    until(lambda: seen)
    assert wired.ec2.describe_regions()["Regions"]


@pytest.mark.parametrize("step", [-1, 1e9, float("nan")])
def test_a_step_back_or_of_years_is_refused(wired: Wired, step: float) -> None:
    with pytest.raises(RehearsalError, match="the clock goes ahead by 0 to 31622400 seconds"):
        wired.cloud.advance(step)
