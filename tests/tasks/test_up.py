"""`fab up`: offers one after the other, by the settings and `pulumi up`, until one has capacity."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from provision.aws import clients, instances
from provision.life import up as life
from provision.life.offers import Offer
from provision.life.wish import Wish
from provision.model.errors import GpurigError
from provision.model.platforms import instance_types
from provision.model.prices import from_table
from provision.tasks.verbs import up
from provision.transport import settings
from provision.transport import stack as stack_state
from provision.transport.settings import StackSettings
from tests.infra.stack import SETTINGS, Stack, open_stack
from tests.kit.fab import FAB
from tests.kit.wait import until

NO_ROOM = "We currently do not have sufficient g4dn.xlarge capacity in the Availability Zone you requested"


def offer(name: str, zone: str, usd: float) -> Offer:
    return Offer(kind=instance_types()[name], zone=zone, on_demand=from_table(usd), spot_price=None, spot=False)


def at(stack: Stack, *words: str, code: int = 0) -> str:
    return stack.fab("up", *words, code=code)


def settings_of(stack: Stack) -> bytes:
    return (stack.folder / "Pulumi.life.yaml").read_bytes()


@pytest.mark.slow
@pytest.mark.life
def test_until_one_has_capacity_and_otherwise_nothing_is_changed(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        for name, value in {**SETTINGS, "jobVolumeGib": "1"}.items():
            stack.pulumi("config", "set", f"gpurig:{name}", value)
        before = settings_of(stack)
        planned = at(stack, "--plan")
        assert "1. g4dn.xlarge in us-east-1a at $0.526 an hour\n2. g4dn.xlarge in us-east-1b" in planned
        assert "above the ceiling of $0.526, asked before each: g4dn.2xlarge in us-east-1a" in planned
        assert stack.cloud.calls("CreateVpc") == []
        assert "130" in stop(stack)
        assert settings_of(stack) == before
        assert stack.boxes() == []
        nothing_had(stack)
        assert settings_of(stack) == before
        made_in_the_next_zone(stack)
        followed_by_a_snapshot(stack)


@pytest.mark.slow
@pytest.mark.life
def test_a_role_that_iam_refuses_is_told_with_what_an_account_may_want_for_it(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        for name, value in SETTINGS.items():
            stack.pulumi("config", "set", f"gpurig:{name}", value)
        stack.cloud.fault("CreateRole", code="AccessDenied", message="you may not")
        assert "pulumi config set gpurig:permissionsBoundary ARN" in at(stack, code=1)


def nothing_had(stack: Stack) -> None:
    """Meet refusals that end it: another one than for want of capacity, and a quota that is less than AWS said."""
    stack.cloud.fault("RunInstances", code="UnauthorizedOperation", message="you may not")
    said = at(stack, code=1)
    assert "`pulumi up` failed, and not for want of capacity (UnauthorizedOperation)" in said
    assert "permissionsBoundary" not in said
    stack.cloud.fault("RunInstances", code="VcpuLimitExceeded", message="your current vCPU limit of 0 allows")
    said = at(stack, code=1)
    assert said.count("trying ") == 1, "none of its class is tried again, and nobody can be asked here"
    assert "not to be had: g4dn.xlarge in us-east-1a at $0.526 an hour (VcpuLimitExceeded)" in said
    assert "nothing under the ceiling has capacity; the next is g4dn.2xlarge" in said
    assert "there still is vol-" in said


def made_in_the_next_zone(stack: Stack) -> None:
    """Find no room in the first zone: the volume there was never attached, and is made anew in the second."""
    (first,) = stack.job_volumes()
    stack.cloud.fault("RunInstances", code="InsufficientInstanceCapacity", message=NO_ROOM)
    said = at(stack)
    assert "trying g4dn.xlarge in us-east-1a" in said
    assert "trying g4dn.xlarge in us-east-1b" in said
    assert "the box is made: g4dn.xlarge in us-east-1b at $0.526 an hour (price list of rehearsal" in said
    box, (volume,) = stack.box(), stack.job_volumes()
    assert box["Placement"]["AvailabilityZone"] == volume["AvailabilityZone"] == "us-east-1b"
    assert volume["VolumeId"] != first["VolumeId"]
    assert "by a snapshot" not in said
    assert stack.pulumi("config", "get", "gpurig:zone").strip() == "us-east-1b"
    assert "the stack life has a box already" in at(stack, code=2)


def followed_by_a_snapshot(stack: Stack) -> None:
    """Lose the box as spot is lost, and find no room where its volume is: the jobs follow to another zone."""
    (volume,) = stack.job_volumes()
    stack.ec2.terminate_instances(InstanceIds=[stack.box()["InstanceId"]])
    stack.cloud.fault("RunInstances", code="InsufficientInstanceCapacity", message=NO_ROOM)
    said = at(stack)
    assert "trying g4dn.xlarge in us-east-1b" in said, "where the volume is goes first"
    assert f"the jobs follow to us-east-1a by a snapshot: pulumi destroy leaves one of {volume['VolumeId']}" in said
    assert "the box is made: g4dn.xlarge in us-east-1a" in said
    (moved,) = stack.job_volumes()
    sources = {one["SnapshotId"]: one["VolumeId"] for one in stack.snapshots()}
    assert (moved["AvailabilityZone"], sources[moved["SnapshotId"]]) == ("us-east-1a", volume["VolumeId"])


def stop(stack: Stack) -> str:
    """Press Ctrl-C while `pulumi up` makes the network; returns the exit code and what was said."""
    command = [*FAB, "up"]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(
        command, cwd=stack.folder, env=stack.env, text=True, start_new_session=True, **pipes
    ) as running:
        until(lambda: stack.cloud.calls("CreateVpc"), 100)
        os.killpg(running.pid, signal.SIGINT)
        said = running.communicate(timeout=100)[0]
    return f"{running.returncode} {said}"


def test_some_of_several_boxes_are_not_traded_for_another_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    there = life.Stack(project="p", name="s", boxes={"i-1": "running"}, volumes={"vol-1": "us-east-1a"})
    monkeypatch.setattr(life.Stack, "look", lambda _: there)
    monkeypatch.setattr(life, "take", lambda *_: ["InsufficientInstanceCapacity"])
    left = [offer("g4dn.xlarge", "us-east-1b", 0.5)]
    attempts = life.Attempts([offer("g4dn.xlarge", "us-east-1a", 0.5), *left])
    wish = Wish(profile="", region="us-east-1", recipe="base", hosts=2)
    with pytest.raises(GpurigError, match=r"1 of 2 boxes are there, the others were refused \(Insuff"):
        up._first(attempts, wish)
    assert attempts.left == left


class Going:
    """An EC2 that says so many times more that the stack's instance is shutting down."""

    def __init__(self, times: int) -> None:
        self.left = times

    def describe_instances(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - EC2's name
        self.left -= 1
        state = "shutting-down" if self.left >= 0 else "terminated"
        asked = next((row["Values"] for row in Filters if row["Name"] == "instance-state-name"), [state])
        row = {"InstanceId": "i-1", "State": {"Name": state}}
        return {"Reservations": [{"Instances": [row]}] if state in asked else []}

    def get_paginator(self, name: str) -> Any:
        def pages(Filters: list[dict[str, Any]]) -> list[dict[str, Any]]:  # noqa: N803 - EC2's name
            return [self.describe_instances(Filters) if name == "describe_instances" else {"Volumes": []}]

        return SimpleNamespace(paginate=pages)


def test_pulumi_makes_nothing_before_a_box_that_goes_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ec2, ran = Going(3), list[int]()

    def pulumi(*_: str, **__: Any) -> int:
        ran.append(ec2.left)
        return 0

    monkeypatch.setattr(life, "client", lambda *_: ec2)
    monkeypatch.setattr(clients, "client", lambda *_: ec2)
    monkeypatch.setattr(instances, "LOOK", 0)
    monkeypatch.setattr(settings, "names", lambda: ("p", "s"))
    monkeypatch.setattr(stack_state, "identity", lambda: None)
    monkeypatch.setattr(settings, "change", lambda _: None)
    monkeypatch.setattr(settings, "run", pulumi)
    wish = Wish(profile="", region="us-east-1", recipe="base")
    stack, said = life.Stack.look(wish), list[str]()
    stack.refuse_boxes()
    assert life.take(offer("g4dn.xlarge", "us-east-1a", 0.5), wish, stack, said.append) == []
    assert ran == [-1], "EC2 had said that it is gone"
    assert said == ["waiting until i-1, which is shutting down, is gone"]


def test_what_ec2_does_not_have_is_not_told_as_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life.Stack, "look", lambda _: life.Stack(project="p", name="s", boxes={}, volumes={}))
    monkeypatch.setattr(life, "take", lambda *_: [])
    wish = Wish(profile="", region="us-east-1", recipe="base")
    with pytest.raises(GpurigError, match="EC2 has 0 of 1 boxes"):
        up._first(life.Attempts([offer("g4dn.xlarge", "us-east-1a", 0.5)]), wish)


def test_awss_codes_are_found_in_what_pulumi_prints() -> None:
    lines = [
        "  aws:ec2:Instance (box-g1):",
        "    error: 1 error occurred: * creating EC2 Instance: operation error EC2: RunInstances, https response error",
        "StatusCode: 500, RequestID: 0b0423e2, api error InsufficientInstanceCapacity: We currently do not have",
        "sufficient g4dn.xlarge capacity. You can get Unsupported capacity elsewhere",
        "    error: update failed",
    ]
    assert life.refusals(lines) == ["InsufficientInstanceCapacity"]
    assert life.is_capacity(["InsufficientInstanceCapacity", "VcpuLimitExceeded"])
    assert not life.is_capacity(["InsufficientInstanceCapacity", "UnauthorizedOperation"])
    assert not life.is_capacity([])


def test_a_quota_that_is_spent_ends_its_class() -> None:
    small, large, other = offer("g4dn.xlarge", "a", 1), offer("g6.2xlarge", "a", 2), offer("p4d.24xlarge", "a", 3)
    attempts = life.Attempts([large, other, small])
    first = attempts.next()
    assert first is large
    attempts.refused(large, ["VcpuLimitExceeded"])
    assert attempts.left == [other, small], "P has a quota of its own, and four vCPUs may be left where eight are not"
    attempts.refused(other, ["InsufficientInstanceCapacity"])
    assert attempts.left == [other, small]


def test_where_the_volume_is_goes_first_and_where_it_cannot_move_alone() -> None:
    offers = [offer("g4dn.xlarge", zone, 0.5) for zone in ("us-east-1a", "us-east-1b", "us-east-1c")]
    nothing = life.Stack(project="p", name="s", boxes={}, volumes={})
    assert life.ordered(offers, nothing, "us-east-1c", moves=True)[0].zone == "us-east-1c"
    held = life.Stack(project="p", name="s", boxes={}, volumes={"vol-1": "us-east-1b"})
    assert [one.zone[-1] for one in life.ordered(offers, held, "us-east-1c", moves=True)] == ["b", "c", "a"]
    assert [one.zone[-1] for one in life.ordered(offers, held, "us-east-1c", moves=False)] == ["b"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"jobVolumeOnDestroy": "retain"}, "pulumi config set gpurig:jobVolumeOnDestroy snapshot"),
        ({"jobSnapshot": "none"}, 'gpurig:jobSnapshot is "none"'),
        ({"jobVolume": "vol-0123456789abcdef0"}, "what is named so stays where it is"),
    ],
)
def test_a_volume_that_would_lose_its_jobs_does_not_move(values: dict[str, str], said: str) -> None:
    found = StackSettings(values={f"gpurig:{key}": value for key, value in values.items()})
    held = life.Stack(project="p", name="s", boxes={}, volumes={"vol-1": "us-east-1b"})
    assert said in life.why_it_stays(found, held)
    assert life.why_it_stays(found, life.Stack(project="p", name="s", boxes={}, volumes={})) == ""


def test_as_spot_aws_itself_holds_the_ceiling() -> None:
    spot = Offer(kind=instance_types()["g4dn.xlarge"], zone="us-east-1a", on_demand=None, spot_price=None, spot=True)
    assert life.wanted(spot, 0.3) == {
        "instanceType": "g4dn.xlarge",
        "zone": "us-east-1a",
        "spot": "true",
        "spotMaxPrice": "0.3000",
    }
    assert life.wanted(offer("g4dn.xlarge", "us-east-1a", 0.5), 0.6)["spotMaxPrice"] == ""
