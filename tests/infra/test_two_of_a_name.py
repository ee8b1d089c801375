"""Two people in one account, each with a project gpurig and a stack of the same name: neither has the other's jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.stack import SETTINGS, Stack, open_stack

pytestmark = pytest.mark.life


def second(folder: Path, first: Stack) -> Stack:
    """Return another user's stack of the same name, with a backend of its own."""
    folder.mkdir()
    made = Stack(folder, first.cloud)
    iam = first.cloud.client("iam")
    iam.create_user(UserName="eve")
    everything = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    iam.put_user_policy(UserName="eve", PolicyName="all", PolicyDocument=json.dumps(everything))
    key = iam.create_access_key(UserName="eve")["AccessKey"]
    made.env |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    made.pulumi("stack", "init", "life")
    made.pulumi("config", "set", "aws:region", "us-east-1")
    return made


def tags_of(thing: dict[str, Any]) -> dict[str, str]:
    """Return its tags."""
    return {tag["Key"]: tag["Value"] for tag in thing["Tags"]}


def test_a_new_stack_of_the_name_gets_none_of_the_jobs_and_the_first_ones_get_theirs(tmp_path: Path) -> None:
    with open_stack(tmp_path) as mine:
        mine.up(**SETTINGS)
        mine.pulumi("destroy", "--yes", "--skip-preview")
        (left,) = mine.snapshots()
        own = tags_of(left)["gpurig:stack-id"]

        theirs = second(tmp_path / "eve", mine)
        for name, value in SETTINGS.items():
            theirs.pulumi("config", "set", f"gpurig:{name}", value)
        said = theirs.pulumi("up", "--yes", "--skip-preview")
        (blank,) = theirs.job_volumes()
        assert not blank.get("SnapshotId")
        assert tags_of(blank)["gpurig:stack-id"] != own
        assert tags_of(blank)["gpurig:made-by"].endswith(":user/eve")
        assert f"snapshot {left['SnapshotId']} of " in said
        assert f"is of another stack of this name, {own} of " in said
        assert f"fab volume-adopt {own} takes it over" in said

        # Beside a living one of its name: no name of one is that of the other, and the jobs are back.
        mine.up()
        (restored,) = (one for one in mine.job_volumes() if one["VolumeId"] != blank["VolumeId"])
        assert (restored["SnapshotId"], tags_of(restored)["gpurig:stack-id"]) == (left["SnapshotId"], own)
        assert len(mine.boxes()) == 2


@pytest.mark.life
def test_what_is_taken_over_is_the_new_stacks_and_no_prune_of_the_other_reaches_it(tmp_path: Path) -> None:
    with open_stack(tmp_path) as mine:
        mine.up(**SETTINGS)
        own = tags_of(mine.job_volumes()[0])["gpurig:stack-id"]
        theirs = second(tmp_path / "eve", mine)
        assert f"the stack {own} is there" in theirs.fab("volume-adopt", own, "--yes", code=2)
        mine.pulumi("destroy", "--yes", "--skip-preview")
        theirs.fab("volume-adopt", own, "--yes", code=0)
        theirs.up(**SETTINGS)
        (taken,) = theirs.job_volumes()
        (left,) = mine.snapshots()
        assert taken["SnapshotId"] == left["SnapshotId"]
        assert tags_of(left)["gpurig:made-by"].endswith(":user/eve")
        # The first one begins anew, and its snapshots are others' to no one.
        mine.up()
        # There are no boxes behind these: a command would wait for the console of one that runs.
        mine.ec2.stop_instances(InstanceIds=[box["InstanceId"] for box in mine.boxes()])
        theirs.fab("volume-snapshot", "--keep", "1", code=0)
        mine.fab("volume-snapshot", "--keep", "1", code=0)
        ids = [tags_of(one)["gpurig:stack-id"] for one in mine.snapshots()]
        assert len(set(ids)) == 2
        mine.pulumi("destroy", "--yes", "--skip-preview")
        theirs.pulumi("destroy", "--yes", "--skip-preview")
