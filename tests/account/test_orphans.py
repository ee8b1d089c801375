"""`fab orphans`: what it calls an orphan, what never, and that it removes the one and leaves the other."""

from __future__ import annotations

import json

import pytest

from tests.account.lab import INSTANCE, KEY, Account, network, specifications, standings
from tests.kit.states import deployment

pytestmark = pytest.mark.life

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'


def role(account: Account, stack: str) -> tuple[str, str]:
    """Make a role and a profile as `pulumi up` does; return their names."""
    iam, names = account.wired.cloud.client("iam"), ("box-role-1a2b3c4", "box-profile-1a2b3c4")
    tags = specifications("role", stack=stack)[0]["Tags"]
    iam.create_role(RoleName=names[0], AssumeRolePolicyDocument="{}", Tags=tags)
    iam.put_role_policy(RoleName=names[0], PolicyName="box", PolicyDocument=POLICY)
    iam.create_instance_profile(InstanceProfileName=names[1], Tags=tags)
    iam.add_role_to_instance_profile(InstanceProfileName=names[1], RoleName=names[0])
    return names


def test_what_a_state_has_is_no_orphan_and_what_of_a_stack_without_one_is_not_to_be_told(account: Account) -> None:
    mine, lost, theirs, dark = (account.box(stack=stack) for stack in ("dev", "dev", "theirs", "dark"))
    volume = account.volume()
    account.ec2.attach_volume(VolumeId=volume, InstanceId=mine, Device="/dev/sdf")
    account.knows({"dev": deployment(mine, KEY, making=INSTANCE), "dark": None})
    account.advance(1)
    found = account.told("orphans")
    assert {one["id"]: one["standing"] for one in found["things"]} == {
        lost: "orphan",
        theirs: "unknown",
        dark: "unknown",
    }
    assert (found["stacks"], found["unreadable"]) == (["dev"], {"dark": "error: dark is out of reach"})
    (orphan,) = (one for one in found["things"] if one["standing"] == "orphan")
    assert orphan["usd_a_month"] == _month_of_a_running_box(account)
    account.fab("orphans", "--remove", "--yes")
    states = {box: account.state_of(box) for box in (mine, lost, theirs, dark)}
    assert states == {mine: "running", lost: "terminated", theirs: "running", dark: "running"}
    assert volume in account.volumes()


def _month_of_a_running_box(account: Account) -> float:
    per_hour = sum(one["hour"] for one in account.told("cost")["rows"] if one["what"] != "job volume")
    return float(f"{per_hour / 2 * 730:.10g}")  # two boxes of the stack run, one of them an orphan


def test_what_is_kept_on_purpose_is_said_apart_and_never_removed(account: Account) -> None:
    volume, later = account.volume(), account.volume()
    older, old, newest = (_an_hour_later(account, one) for one in (volume, volume, later))
    box = account.box()
    tags = {"image": "ubuntu-22.04", "recipe": "digits"}
    both = specifications("image", stack="dev", **tags) + specifications("snapshot", stack="dev", **tags)
    images = []
    for name in ("first", "second"):
        made = account.ec2.create_image(InstanceId=box, Name=name, NoReboot=True, TagSpecifications=both)
        images.append(made["ImageId"])
        account.advance(1)
    account.knows({"dev": deployment(box, KEY)})
    assert standings(account) == {
        volume: "kept",
        later: "kept",
        newest: "kept",
        old: "kept",  # the last of its volume, and no later volume was made from it
        older: "spare",
        images[0]: "spare",
        images[1]: "kept",
    }
    account.fab("orphans", "--remove", "--yes")
    assert {older, old, newest} <= account.snapshots()
    account.fab("orphans", "--remove", "--spare", "--yes")
    assert standings(account) == {volume: "kept", later: "kept", newest: "kept", old: "kept", images[1]: "kept"}
    # The volume that `up` makes from the last snapshot has its jobs, and its own snapshot stands for both.
    heir = _an_hour_later(account, account.volume(), **{"from": newest})
    assert standings(account)[newest] == "spare"
    assert standings(account)[heir] == "kept"


def _an_hour_later(account: Account, volume: str, **tags: str) -> str:
    account.advance(1)
    return account.snapshot(volume, **tags)


def test_a_volume_with_jobs_goes_only_after_a_snapshot_or_by_word(account: Account) -> None:
    account.knows({"dev": deployment(KEY, making=INSTANCE)})
    box, volume = account.box(), account.volume()
    account.ec2.attach_volume(VolumeId=volume, InstanceId=box, Device="/dev/sdf")
    account.advance(1)
    assert standings(account) == {box: "orphan", volume: "orphan"}
    said = account.fab("orphans", "--remove", "--yes")
    assert volume not in account.volumes()
    (snapshot,) = account.snapshots()
    assert f"{snapshot} has what is on volume {volume}" in said
    # The next `pulumi up` of the stack finds it, as one of a destroy.
    (found,) = account.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    tags = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
    assert (tags["gpurig:stack"], tags["gpurig:host"], tags["gpurig:volume"]) == ("dev", "box", "jobs")
    assert standings(account) == {snapshot: "kept"}

    box, volume = account.box(), account.volume()
    account.ec2.attach_volume(VolumeId=volume, InstanceId=box, Device="/dev/sdf")
    account.advance(1)
    account.fab("orphans", "--remove", "--without-snapshot", "--yes")
    assert volume not in account.volumes()
    assert account.snapshots() == {snapshot}


def test_a_lost_stack_goes_in_the_order_in_which_aws_lets_go_and_again_after_a_refusal(account: Account) -> None:
    ids, names = network(account, "old"), role(account, "old")
    box = account.box(stack="old", SubnetId=ids["subnet"], SecurityGroupIds=[ids["security-group"]])
    assert set(standings(account).values()) == {"unknown"}
    account.fab("orphans", "--remove", "--yes")
    assert account.state_of(box) == "running"
    assert set(standings(account, "--gone", "old").values()) == {"orphan"}
    account.wired.cloud.fault("DeleteVpc", code="UnauthorizedOperation", status=403)
    said = account.fab("orphans", "--gone", "old", "--remove", "--yes", code=1)
    assert f"vpc {ids['vpc']} is still there: AWS refuses to remove vpc {ids['vpc']}: " in said
    assert "the same command tries again" in said
    assert standings(account, "--gone", "old") == {ids["vpc"]: "orphan"}
    said = account.fab("orphans", "--gone", "old", "--remove", "--yes")
    assert f"vpc {ids['vpc']} is removed" in said
    assert standings(account, "--gone", "old") == {}
    iam = account.wired.cloud.client("iam")
    assert names[0] not in [one["RoleName"] for one in iam.list_roles()["Roles"]]


def test_it_asks_and_without_a_terminal_removes_nothing(account: Account) -> None:
    box = account.box()
    account.advance(1)
    assert "fab orphans --remove --yes" in account.fab("orphans", "--remove", code=2)
    assert account.state_of(box) == "running"
    assert "to be rid of the orphans: fab orphans --remove" in account.fab("orphans")
    assert "say how to remove" in account.fab("orphans", "--yes", code=2)


def test_what_may_not_be_looked_at_is_said(account: Account) -> None:
    account.wired.cloud.fault("ListRoles", code="AccessDenied", status=403, times=9)
    found = account.told("orphans")
    assert "AccessDenied" in found["not_looked_at"]["IAM"]
    account.wired.cloud.fault("DescribeRegions", code="UnauthorizedOperation", status=403, times=9)
    assert "cannot ask EC2" in account.fab("orphans", code=1)


def test_a_volume_of_a_restore_that_was_cut_off_is_an_orphan_after_a_while(account: Account) -> None:
    volume = account.volume(what="restore")
    assert standings(account) == {volume: "kept"}
    account.advance(1)
    assert standings(account) == {volume: "orphan"}


def test_the_schedules_and_alarms_of_an_orphan_go_with_it(account: Account) -> None:
    box, mine = account.box(), account.box()
    scheduler, watch = account.wired.cloud.client("scheduler"), account.wired.cloud.client("cloudwatch")
    service = {"Service": "scheduler.amazonaws.com"}
    trust = json.dumps({"Statement": [{"Effect": "Allow", "Principal": service, "Action": "sts:AssumeRole"}]})
    role = account.wired.cloud.client("iam").create_role(RoleName="ends", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    for one in (box, mine):
        scheduler.create_schedule(
            Name=f"gpurig-stop-{one}-1a2b3c4",
            ScheduleExpression="at(2030-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances", "RoleArn": role},
        )
    watch.put_metric_alarm(
        AlarmName="box-idle",
        EvaluationPeriods=1,
        ComparisonOperator="LessThanThreshold",
        Tags=specifications("alarm", stack="dev")[0]["Tags"],
    )
    account.advance(1)
    account.knows({"dev": deployment(mine, KEY, f"default/gpurig-stop-{mine}-1a2b3c4", making=INSTANCE)})
    kinds = {one["kind"]: one["standing"] for one in account.told("orphans")["things"]}
    assert kinds == {"instance": "orphan", "schedule": "orphan", "cloudwatch alarm": "orphan"}
    account.fab("orphans", "--remove", "--yes")
    assert [one["Name"] for one in scheduler.list_schedules()["Schedules"]] == [f"gpurig-stop-{mine}-1a2b3c4"]
    assert watch.describe_alarms()["MetricAlarms"] == []
    assert account.state_of(mine) == "running"
