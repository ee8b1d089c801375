"""`fab stop` and `fab start`, in a cloud without boxes: what EC2's state is afterwards, and what the user reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.life.ledger import Ledger
from tests.kit.cloud import show
from tests.kit.fab import FAB
from tests.kit.power import Box, Rig, rig
from tests.kit.terminal import shown


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    """A stack in a cloud without boxes."""
    with rig(tmp_path) as made:
        yield made


def state(lab: Rig, box: Box) -> str:
    found: dict[str, Any] = show(lab.ec2, box.id)
    return str(found["State"]["Name"])


def test_a_stop_says_what_goes_on_costing_and_a_start_where_the_box_is_and_what_it_costs(lab: Rig) -> None:
    box = lab.launch()
    lab.idle(box)
    done = lab.fab("stop")
    assert state(lab, box) == "stopped"
    assert f"box ({box.id}) is stopped; its disks (" in done.stdout
    assert "a month (" in done.stdout
    assert "was stopped already" in lab.fab("stop").stdout
    lab.answers_when_started(box)
    done = lab.fab("start")
    assert state(lab, box) == "running"
    assert f"box ({box.id}) runs at {lab.address(box)}, and SSH answers; $" in done.stdout
    assert " an hour (" in done.stdout
    assert "pulumi up --refresh" in done.stderr
    assert f"ran already at {lab.address(box)}" in lab.fab("start").stdout
    asked = lab.asked()
    lab.fab("ssh", "--command", "hello")
    assert lab.asked() == asked, "the new address is known"


def test_a_start_writes_down_how_long_the_box_ran_before_and_is_not_kept_by_a_refusal_of_that(lab: Rig) -> None:
    box = lab.launch()
    lab.wired.cloud.advance(5 * 3600)
    lab.ec2.stop_instances(InstanceIds=[box.id])
    lab.answers_when_started(box)
    lab.fab("start")
    tags = {tag["Key"]: tag["Value"] for tag in show(lab.ec2, box.id)["Tags"]}
    assert Ledger.read(tags).hours(0, None) == pytest.approx(5, abs=0.05)
    lab.ec2.stop_instances(InstanceIds=[box.id])
    lab.wired.cloud.fault("CreateTags", code="UnauthorizedOperation", status=403, times=9)
    done = lab.fab("start")
    assert "fab cost will not know how long box ran until now" in done.stderr
    assert state(lab, box) == "running"


def test_a_word_after_stop_stops_nothing_and_names_fab_cancel(lab: Rig) -> None:
    box = lab.launch()
    said = lab.fab("stop", "train-1", code=2).stderr
    assert "fab stop stops boxes" in said
    assert "to end a run: fab cancel train-1" in said
    assert state(lab, box) == "running"


@pytest.mark.parametrize("what", [{"runs": ["train-1"]}, {"setup": "caffe"}])
def test_what_goes_on_is_ended_only_where_that_is_said(lab: Rig, what: dict[str, Any]) -> None:
    box = lab.launch()
    lab.busy(box, **what)
    idle = lab.launch("box-2")
    lab.idle(idle)
    said = lab.fab("stop", code=2).stderr
    assert f"box: the {'run train-1' if 'runs' in what else 'setup of caffe'}" in said
    assert "--yes" in said
    assert (state(lab, box), state(lab, idle)) == ("running", "running")
    lab.fab("stop", "--yes")
    assert (state(lab, box), state(lab, idle)) == ("stopped", "stopped")


def test_a_person_is_asked_and_anything_but_yes_stops_nothing(lab: Rig) -> None:
    box = lab.launch()
    lab.busy(box, runs=["train-1"])
    for typed, code, after in (("\n", 2, "running"), ("y\n", 0, "stopped")):
        said = shown([*FAB, "stop"], lab.folder, lab.env(), typed=typed, code=code)
        assert "box: the run train-1" in said
        assert "stop all the same? [y/N]" in said
        assert state(lab, box) == after


def test_a_box_that_does_not_answer_is_stopped_only_where_that_is_said(lab: Rig) -> None:
    box = lab.launch()
    lab.close()
    assert "it does not say what goes on there" in lab.fab("stop", code=2).stderr
    assert state(lab, box) == "running"
    lab.fab("stop", "--yes")
    assert state(lab, box) == "stopped"


def test_a_spot_box_cannot_be_stopped_and_keeps_the_others_from_nothing(lab: Rig) -> None:
    spot = lab.launch("box", InstanceMarketOptions={"MarketType": "spot"})
    other = lab.launch("box-2")
    lab.idle(other)
    said = lab.fab("stop", code=2).stderr
    assert "is a spot instance, from a one-time request" in said
    assert "pulumi destroy" in said
    assert (state(lab, spot), state(lab, other)) == ("running", "stopped")


def test_a_limit_is_kept(lab: Rig) -> None:
    first, second = lab.launch("box"), lab.launch("box-2")
    lab.idle(second)
    lab.fab("stop", "--limit", "box-2")
    assert (state(lab, first), state(lab, second)) == ("running", "stopped")


def test_no_capacity_leaves_the_box_stopped_and_names_the_ways_out(lab: Rig) -> None:
    box = lab.launch()
    lab.stop(box)
    lab.wired.cloud.fault("StartInstances", code="InsufficientInstanceCapacity", message="none", times=9)
    said = lab.fab("start", code=1).stderr
    assert "AWS has no g5.xlarge to spare in us-east-1" in said
    assert "fab up" in said
    assert state(lab, box) == "stopped"


def test_what_is_gone_is_neither_started_nor_stopped(lab: Rig) -> None:
    box = lab.launch()
    lab.ec2.terminate_instances(InstanceIds=[box.id])
    for verb in ("start", "stop"):
        assert f"box ({box.id}) was terminated" in lab.fab(verb, code=4).stderr


def test_a_machine_of_ones_own_is_switched_by_its_own_means(lab: Rig) -> None:
    (lab.folder / "hosts.toml").write_text('[host.desk]\naddress = "127.8.9.9"\ngpu = "none"\n')
    for verb in ("start", "stop"):
        assert "desk (127.8.9.9) is no EC2 instance" in lab.fab(verb, code=2).stderr
    assert lab.wired.cloud.calls() == []
