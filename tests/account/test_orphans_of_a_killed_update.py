"""`fab orphans` after a `pulumi up` that was killed while EC2 made the instance, and after a state was lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.stack import SETTINGS, Stack, open_stack
from tests.kit.fab import FAB
from tests.kit.wait import until

pytestmark = pytest.mark.life


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a stack whose first update was killed in RunInstances."""
    with open_stack(tmp_path_factory.mktemp("killed")) as made:
        for name, value in SETTINGS.items():
            made.pulumi("config", "set", f"gpurig:{name}", value)
        _killed_in_run_instances(made)
        yield made


def _killed_in_run_instances(stack: Stack) -> None:
    stack.cloud.fault("RunInstances", seconds=4)
    process = subprocess.Popen(
        [str(stack.folder / "bin" / "pulumi"), "up", "--yes", "--skip-preview"],
        cwd=stack.folder,
        env=stack.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: "aws:ec2/instance:Instance" in _making(stack), seconds=120)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    until(stack.boxes, seconds=60)


def _making(stack: Stack) -> list[str]:
    deployment = json.loads(stack.pulumi("stack", "export"))["deployment"]
    return [operation["resource"]["type"] for operation in deployment.get("pending_operations") or ()]


def things(stack: Stack, *words: str) -> dict[str, dict[str, Any]]:
    """Return what `fab orphans` finds, by id."""
    done = subprocess.run(
        [*FAB, "orphans", "--json", *words], cwd=stack.folder, env=stack.env, capture_output=True, text=True, check=True
    )
    return {row["id"]: row for row in json.loads(done.stdout)["things"]}


def test_what_a_killed_update_left_is_found_and_removed_and_destroy_then_passes(stack: Stack) -> None:
    (box,) = stack.boxes()
    stack.pulumi("cancel", "--yes")
    # Another person's stack in the same account, of the same project.
    tags = [{"Key": "gpurig:project", "Value": "gpurig"}, {"Key": "gpurig:stack", "Value": "theirs"}]
    theirs = stack.ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=9, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )["VolumeId"]

    # For a while another update may be making it; nothing of it is removed before.
    assert things(stack)[box["InstanceId"]]["standing"] == "new"
    stack.cloud.advance(1200)
    found = things(stack)
    assert {name: row["standing"] for name, row in found.items()} == {box["InstanceId"]: "orphan", theirs: "unknown"}
    assert "was killed while it made this" in found[box["InstanceId"]]["why"]
    assert found[box["InstanceId"]]["usd_a_month"] > 300

    said = stack.fab("orphans", "--remove", "--yes", code=0)
    assert f"instance {box['InstanceId']} is removed" in said
    assert "pulumi refresh --clear-pending-creates" in said
    assert stack.boxes() == []
    stack.pulumi("destroy", "--yes", "--skip-preview")
    # Only the last snapshot of the job volume stays, and what is another's. No state says now whose they are.
    left = things(stack)
    assert {row["kind"]: row["standing"] for row in left.values()} == {"snapshot": "unknown", "volume": "unknown"}


def test_a_stack_whose_state_was_lost_is_removed_by_its_name(stack: Stack) -> None:
    stack.pulumi("refresh", "--yes", "--clear-pending-creates")
    stack.up(budgetMonthlyUsd="50", budgetEmail="me@example.com")
    (box,), (volume,) = stack.boxes(), stack.job_volumes()
    assert {row["standing"] for row in things(stack).values()} == {"kept", "unknown"}
    lost = next(stack.folder.glob(".pulumi/stacks/gpurig/life.json"))
    lost.unlink()
    stack.pulumi("stack", "init", "another")
    assert "orphan" not in {row["standing"] for row in things(stack).values()}
    kinds = {row["kind"] for row in things(stack, "--gone", "life").values() if row["standing"] == "orphan"}
    assert {"instance", "volume", "vpc", "subnet", "security-group", "role", "instance-profile", "key-pair"} <= kinds
    said = stack.fab("orphans", "--gone", "life", "--remove", "--yes", code=0)
    assert f"has what is on volume {volume['VolumeId']}" in said
    assert box["InstanceId"] not in [one["InstanceId"] for one in stack.boxes()]
    left = things(stack, "--gone", "life")
    assert "orphan" not in {row["standing"] for row in left.values()}
    snapshots = [row for row in left.values() if row["kind"] == "snapshot" and row["standing"] == "kept"]
    assert len(snapshots) >= 1
