"""`fab extend`, and the end that `fab start` sets: AWS's schedules afterwards, and what the user reads of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent.wire.documents import Guard
from provision.model.ceiling import moment_of, schedule_name
from rehearsal.cloud import clock
from tests.kit.cloud import show
from tests.kit.power import Box, Rig, rig
from tests.kit.schedules import allow, role, schedule

HOUR = 3600
SEEN: Guard = {
    "there": True,
    "looked": None,
    "busy": [],
    "idle_since": None,
    "idle_minutes": 120,
    "awake_until": None,
    "lifetime_until": None,
    "stops_at": None,
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    """A stack in a cloud without boxes."""
    with rig(tmp_path) as made:
        yield made


def limited(lab: Rig, **limit: Any) -> Box:
    """Launch a box with a limit, which AWS ends twelve hours from now and whose own guard answers."""
    lab.recorded = {"limit": {"hours": 12, "usd": None, "usdPerHour": 0.5, **limit}}
    box = lab.launch()
    told: dict[str, Any] = {"event": "guard", **SEEN}
    box.server.says = f"{json.dumps(told)}\n".encode()
    arn = role(lab.wired, allow("ec2:StopInstances", "*"))
    end, stop = clock.now() + 12 * HOUR, ("stopInstances", {"InstanceIds": [box.id]})
    made = {**schedule(arn, *stop, end), "Name": schedule_name("stop", box.id, "g5.xlarge-12h")}
    lab.wired.cloud.client("scheduler").create_schedule(**made, Description="kept", ActionAfterCompletion="NONE")
    return box


def ahead(lab: Rig) -> float:
    """Return in how many hours AWS ends the only box, by the cloud's clock."""
    scheduler = lab.wired.cloud.client("scheduler")
    (listed,) = scheduler.list_schedules()["Schedules"]
    found = scheduler.get_schedule(Name=listed["Name"])
    assert (found["Description"], found["ActionAfterCompletion"], found["State"]) == ("kept", "NONE", "ENABLED")
    moment = moment_of(found["ScheduleExpression"])
    assert moment is not None
    return (moment - clock.now()) / HOUR


def test_the_end_moves_at_aws_and_on_the_box_and_the_price_is_told(lab: Rig) -> None:
    limited(lab)
    lab.wired.cloud.advance(10 * HOUR)
    done = lab.fab("extend", "4h")
    assert ahead(lab) == pytest.approx(6, abs=0.1)
    assert "AWS ends it" in done.stdout
    assert "the longer time costs $2.00 at most, $8.00 in all" in done.stdout
    assert "it stops itself 10 minutes before" in done.stdout


def test_more_than_the_money_is_refused_unless_it_is_really_wanted(lab: Rig) -> None:
    limited(lab, usd=7)
    said = lab.fab("extend", "4h", code=2).stderr
    assert "it would cost $8.00 in all, and gpurig:maxSpend is $7" in said
    assert "--yes goes beyond it" in said
    assert ahead(lab) == pytest.approx(12, abs=0.1)
    lab.fab("extend", "4h", "--yes")
    assert ahead(lab) == pytest.approx(16, abs=0.1)


def test_a_box_without_an_end_or_past_it_has_none_to_move(lab: Rig) -> None:
    lab.launch()
    said = lab.fab("extend", "4h", code=2).stderr
    assert "box has no ceiling" in said.replace(f" ({lab.boxes[0].recorded})", "")
    assert "pulumi config set gpurig:maxHours 12" in said


def test_an_end_that_is_over_is_not_moved(lab: Rig) -> None:
    limited(lab)
    lab.ec2.stop_instances(InstanceIds=[lab.boxes[0].id])
    lab.wired.cloud.advance(13 * HOUR)
    assert "is over since" in lab.fab("extend", "4h", code=2).stderr


def test_the_end_of_a_box_that_does_not_run_is_not_moved(lab: Rig) -> None:
    limited(lab)
    before = ahead(lab)
    lab.ec2.stop_instances(InstanceIds=[lab.boxes[0].id])
    assert "to start it: fab start" in lab.fab("extend", "4h", code=4).stderr
    assert ahead(lab) == pytest.approx(before, abs=0.1)


def test_a_start_sets_the_end_anew_before_the_box_costs_anything(lab: Rig) -> None:
    box = limited(lab)
    lab.wired.cloud.advance(13 * HOUR)
    assert show(lab.ec2, box.id)["State"]["Name"] == "stopped"
    lab.answers_when_started(box)
    done = lab.fab("start")
    assert "AWS ends it" in done.stdout
    assert ahead(lab) == pytest.approx(12 + 1 / 6, abs=0.1)
    calls = [call["action"] for call in lab.wired.cloud.calls()]
    moved = max(number for number, action in enumerate(calls) if action.startswith("PUT /schedules/"))
    assert moved < calls.index("StartInstances")


def test_a_box_whose_money_is_spent_is_not_started(lab: Rig) -> None:
    box = limited(lab, hours=0, usd=6)
    lab.wired.cloud.advance(13 * HOUR)
    said = lab.fab("start", code=2).stderr
    assert "$6 of box" in said
    assert "are spent: it ran 12.0 h at $0.500 an hour" in said
    assert show(lab.ec2, box.id)["State"]["Name"] == "stopped"


def started_past_fab(lab: Rig, after: float) -> Box:
    """Launch a box that AWS ended, and that somebody started in the console; it is up for so many hours."""
    box = limited(lab)
    lab.wired.cloud.advance(13 * HOUR)
    assert show(lab.ec2, box.id)["State"]["Name"] == "stopped"
    lab.start_past_fab(box)
    lab.wired.cloud.advance(after * HOUR)
    return box


@pytest.mark.parametrize(("after", "left"), [(2, 10 + 1 / 6), (20, 0.5)])
def test_a_start_gives_a_box_that_was_started_past_fab_its_end_counted_from_its_launch(
    lab: Rig, after: float, left: float
) -> None:
    started_past_fab(lab, after)
    assert "fab start sets a new one" in lab.fab("extend", "4h", code=2).stderr
    done = lab.fab("start")
    assert "ran without an end at AWS" in done.stdout
    assert "AWS ends it" in done.stdout
    assert ahead(lab) == pytest.approx(left, abs=0.05)
    assert "reckoned" not in done.stderr  # of hours alone
    assert "AWS ends it" not in lab.fab("start").stdout
    assert ahead(lab) == pytest.approx(left, abs=0.05)
    lab.fab("extend", "4h")
    assert ahead(lab) == pytest.approx(left + 4, abs=0.05)


def test_a_box_that_runs_and_gets_no_end_is_told_of_and_reached_all_the_same(lab: Rig) -> None:
    started_past_fab(lab, 1)
    scheduler = lab.wired.cloud.client("scheduler")
    scheduler.delete_schedule(Name=scheduler.list_schedules()["Schedules"][0]["Name"])
    done = lab.fab("start")
    assert "box runs, and AWS may never end it: AWS has no schedule" in done.stderr
    assert "pulumi up makes it" in done.stderr
    assert "ran already" in done.stdout


def switched_itself_off(lab: Rig, after: float, *, off: float, **limit: Any) -> Box:
    """Launch a box that switches itself off after so many hours, and is off for so many; nobody says when it was."""
    box = limited(lab, hours=0, **limit)
    lab.wired.cloud.advance(after * HOUR)
    lab.wired.hypervisor.tell_power_off(box.id)
    lab.wired.cloud.advance(off * HOUR)
    lab.wired.cloud.fault("GetMetricStatistics", code="AccessDenied", status=403, times=99)
    lab.answers_when_started(box)
    return box


def test_a_run_whose_length_nobody_knows_counts_at_its_most_for_the_money(lab: Rig) -> None:
    switched_itself_off(lab, 2, off=3, usd=6)
    done = lab.fab("start")
    assert ahead(lab) == pytest.approx(12 - 5, abs=0.1)
    assert "with 1 run of unknown length as long as can be" in done.stderr


def test_money_that_may_be_spent_is_refused_and_says_what_nobody_knows(lab: Rig) -> None:
    switched_itself_off(lab, 2, off=300, usd=6)
    said = lab.fab("start", code=2).stderr
    assert "are spent: it ran 12.0 h" in said
    assert "with 1 run of unknown length as long as can be" in said


def test_a_run_that_nobody_wrote_down_is_said_to_be_missing_from_the_money(lab: Rig) -> None:
    box = limited(lab, hours=0, usd=60)
    lab.wired.cloud.advance(HOUR)
    lab.stop(box)
    lab.start_past_fab(box)
    lab.wired.cloud.advance(13 * HOUR)
    lab.answers_when_started(box)
    done = lab.fab("start")
    assert "without 1 run or more whose length nobody knows" in done.stderr


def test_a_box_whose_money_is_partly_spent_is_told_to_stop_before_aws_stops_it(lab: Rig) -> None:
    box = limited(lab, hours=0, usd=6)
    lab.wired.cloud.advance(4 * HOUR)
    lab.stop(box)
    box.server.says = b'{"event": "send", "agent": false}\n' + box.server.says
    lab.answers_when_started(box)
    done = lab.fab("start")
    assert ahead(lab) == pytest.approx(8, abs=0.1)
    assert "it stops itself 10 minutes before, its runs first" in done.stdout
    (moment,) = re.findall(r'"lifetime_until": ?([\d.]+)', "".join(box.server.asked))
    assert float(moment) == pytest.approx(clock.now() + 8 * HOUR - 600, abs=120)


def test_a_box_without_a_guard_is_started_and_warned_of(lab: Rig) -> None:
    box = limited(lab, hours=0, usd=6)
    lab.wired.cloud.advance(4 * HOUR)
    lab.stop(box)
    box.server.says = b"no answer\n"
    lab.answers_when_started(box)
    done = lab.fab("start")
    assert "AWS ends it without a warning and without beforeStop" in done.stderr
    assert "SSH answers" in done.stdout


def test_a_limit_without_a_schedule_is_told(lab: Rig) -> None:
    box = limited(lab)
    scheduler = lab.wired.cloud.client("scheduler")
    scheduler.delete_schedule(Name=scheduler.list_schedules()["Schedules"][0]["Name"])
    lab.stop(box)
    said = lab.fab("start", code=1).stderr
    assert "AWS has no schedule that stops" in said
    assert "pulumi up makes it" in said


def test_held_awake_for_longer_than_aws_s_alarm_waits_is_told(lab: Rig) -> None:
    limited(lab)
    told = "AWS's alarm stops it all the same where its CPUs do nothing for 8 h"
    assert told in lab.fab("keep-awake", "10h").stdout
    assert told not in lab.fab("keep-awake", "2h").stdout
