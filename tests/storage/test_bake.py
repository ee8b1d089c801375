"""Baked images: what makes one stale, how it is made, found again and removed, and what a box of it does at first."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.ec2 import ec2_backends

from provision.agent.paths import VOLUME_SCRIPT
from provision.bundle import baked
from provision.bundle.cloud_init import cloud_config
from provision.bundle.render import render
from provision.model.errors import BadInput, GpurigError
from provision.model.host import Host
from provision.model.target import Target
from provision.screen.progress import PlainView
from provision.storage import bake
from provision.storage.bake import Bakery
from rehearsal.errors import RehearsalError
from tests.kit.catalogue import shellcheck
from tests.kit.cloud import Wired, run, serve
from tests.kit.user_data import opened, unpack

TARGET = Target(volume_id="vol-0123456789abcdef0", idle_stop_minutes=60, lifetime_hours=4)
DISKS = [
    {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 40}},
    {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 10}},
]


@pytest.fixture
def wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    """A cloud that boto3 finds by its environment, as a user's does."""
    monkeypatch.setattr(bake, "POLL_SECONDS", 0.02)
    with serve(tmp_path) as wired:
        for name, value in wired.cloud.env.items():
            monkeypatch.setenv(name, value)
        yield wired


CARRIED = {
    "gpurig:project": "gpurig",
    "gpurig:stack": "test",
    "gpurig:stack-id": "0123456789ab",
    "gpurig:made-by": "arn:aws:iam::123456789012:user/me",
    "team": "vision",
}
"""Tags of the box: the stack's, and one of `aws:defaultTags`."""


def box(wired: Wired, **more: Any) -> Host:
    """Launch an instance as the stack does, and return its host."""
    tags = [{"Key": key, "Value": value} for key, value in CARRIED.items()]
    tagged = [{"ResourceType": "instance", "Tags": tags}]
    instance = run(wired.ec2, **{"BlockDeviceMappings": DISKS, "TagSpecifications": tagged, **more})["InstanceId"]
    return Host(
        name="box", address="198.51.100.9", target=TARGET, recipe="base", instance_id=instance, region="us-east-1"
    )


def make(bakery: Bakery, digest: str = "d1") -> str:
    image, _ = bakery.begin(digest)
    bakery.finish(image, PlainView())
    return image.id


def aged(image_id: str, days: int) -> str:
    """Make an image some days older than it is; its name says when it was made."""
    for backend in ec2_backends[ACCOUNT].values():
        if image := backend.amis.get(image_id):
            image.creation_date -= dt.timedelta(days=days)
            image.name += f"-{days}"
    return image_id


def images(wired: Wired) -> list[str]:
    return [row["ImageId"] for row in wired.ec2.describe_images(Owners=["self"])["Images"]]


def own_snapshots(wired: Wired) -> list[str]:
    return [row["SnapshotId"] for row in wired.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]]


@pytest.mark.parametrize("change", [{"compute": "8.6"}, {"image": "debian-12"}, {"mount_point": "/data"}])
def test_the_digest_follows_what_is_installed(change: dict[str, str]) -> None:
    assert baked.digest("base", dataclasses.replace(TARGET, **change)) != baked.digest("base", TARGET)  # type: ignore[arg-type]


def test_the_digest_leaves_out_what_each_box_has_for_itself() -> None:
    accepted = dataclasses.replace(TARGET, licences=("nvidia-cuda", "nvidia-cudnn"))
    bare = dataclasses.replace(accepted, volume_id="", idle_stop_minutes=0, lifetime_hours=0)
    assert baked.digest("digits", accepted) == baked.digest("digits", bare)


def test_an_image_is_of_the_root_volume_alone_and_says_what_it_is(wired: Wired) -> None:
    host = box(wired)
    image, gib = Bakery(host).begin("d1")
    assert gib == 40
    row = wired.ec2.describe_images(ImageIds=[image.id])["Images"][0]
    (root,) = row["BlockDeviceMappings"]
    tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
    assert tags.pop("Name") == row["Name"]
    assert row["Name"].startswith("gpurig-test-0123456789ab-base-20")
    assert tags == {
        **CARRIED,
        "gpurig:image": "ubuntu-22.04",
        "gpurig:recipe": "base",
        "gpurig:digest": "d1",
        "gpurig:root-gib": "40",
    }
    snapshot = wired.ec2.describe_snapshots(SnapshotIds=[root["Ebs"]["SnapshotId"]])["Snapshots"][0]
    assert snapshot["Tags"] == row["Tags"]


def test_an_image_in_the_making_is_found_again_and_not_made_twice(wired: Wired) -> None:
    bakery = Bakery(box(wired))
    wired.hypervisor.during["create_image"] = lambda: bakery.begin("d1")[0].id
    image = make(bakery)
    assert wired.hypervisor.seen == [image]
    assert images(wired) == [image]


def test_an_image_that_failed_is_told_and_taken_away_by_the_next(wired: Wired) -> None:
    bakery = Bakery(box(wired))
    wired.hypervisor.fail["create_image"] = RehearsalError("the disk broke")
    with pytest.raises(GpurigError, match=r"is failed: the disk broke\n *fab bake again"):
        make(bakery)
    (failed,) = images(wired)
    aged(failed, 1)
    wired.hypervisor.fail.clear()
    whole = make(bakery, "d2")
    gone, kept = bakery.prune(2)
    assert ([image.id for image in gone], kept, images(wired)) == ([failed], [], [whole])


def test_a_snapshot_that_stays_behind_is_told_as_nothing_finds_it_again(wired: Wired) -> None:
    bakery = Bakery(box(wired))
    aged(make(bakery, "d1"), 1)
    make(bakery, "d2")
    wired.cloud.fault("DeleteSnapshot", code="InvalidSnapshot.InUse")
    with pytest.raises(GpurigError, match="aws ec2 delete-snapshot --snapshot-id snap-"):
        bakery.prune(1)
    assert len(images(wired)) == 1


def test_old_images_go_with_their_snapshots_and_those_in_use_stay(wired: Wired) -> None:
    host = box(wired)
    bakery = Bakery(host)
    made = [aged(make(bakery, f"d{days}"), days) for days in (4, 3, 2)]
    made.append(make(bakery, "d1"))
    other = aged(make(Bakery(dataclasses.replace(host, recipe="digits")), "e"), 5)
    of_others = [{"Key": key, "Value": {"gpurig:stack-id": "ffffffffffff"}.get(key, CARRIED[key])} for key in CARRIED]
    theirs = box(wired, TagSpecifications=[{"ResourceType": "instance", "Tags": of_others}])
    foreign = aged(make(Bakery(theirs), "d9"), 9)
    run(wired.ec2, ImageId=made[0])
    gone, used = bakery.prune(2)
    assert ([image.id for image in gone], [image.id for image in used]) == ([made[1]], [made[0]])
    assert sorted(images(wired)) == sorted([made[0], made[2], made[3], other, foreign])
    assert len(own_snapshots(wired)) == 5
    assert ("delete_image", made[1]) in wired.hypervisor.calls


def test_what_is_no_box_of_a_stack_is_refused(wired: Wired) -> None:
    with pytest.raises(BadInput, match="desk is no EC2 instance of a stack"):
        Bakery(Host(name="desk", address="desk", target=TARGET))
    untagged = box(wired, TagSpecifications=[])
    lost = "lost its tags gpurig:project, gpurig:stack, gpurig:stack-id"
    with pytest.raises(GpurigError, match=lost + r".*\n *pulumi refresh"):
        Bakery(untagged)


def test_without_credentials_it_says_so(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    host = box(wired)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(GpurigError, match="there are no AWS credentials"):
        Bakery(host)


def test_the_volume_script_of_another_box_becomes_the_own_one(tmp_path: Path) -> None:
    def script(target: Target) -> str:
        (base,) = render(["base"], target).steps
        return next(file["content"] for file in base.files if file["path"] == VOLUME_SCRIPT)

    there = Path(f"{tmp_path}{VOLUME_SCRIPT}")
    there.parent.mkdir(parents=True)
    there.write_text(script(TARGET))
    mine = dataclasses.replace(TARGET, volume_id="vol-0fedcba9876543210")
    packed = opened(cloud_config(render(["base"], mine)))
    steps = packed[-1]["steps"]
    steps[0]["files"] = [file for file in steps[0]["files"] if file["path"] == VOLUME_SCRIPT]
    unpack(packed, tmp_path, tmp_path / "home")
    assert there.read_text() == script(mine)


def test_shellcheck_finds_nothing_in_what_forgets_another_box(tmp_path: Path) -> None:
    _, forget, *_ = opened(cloud_config(render(["base"], TARGET)))
    assert shellcheck(tmp_path, {"own": f"#!/bin/sh\n{forget}"}) == ""
