"""`fab bake` and `image: baked`: a box made of another box's image has what that one had installed, and is its own."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.user import User

CONFIG = {"jobVolumeGib": "1", "recipe": "digits"}
STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPnx5vN4 stranger"
LICENCES = "/usr/share/common-licenses"
"""A folder of the distribution that no program needs."""


IDENTITY = {
    "machine": "cat /etc/machine-id",
    "host key": "cat /etc/ssh/ssh_host_ed25519_key.pub",
    "volume": "grep ^volume_id= /usr/local/sbin/gpurig-volume",
    "runs": "sudo grep -c start /var/lib/gpurig/journal.jsonl",
    "log": "sudo journalctl --no-pager | grep -c 'the old box'",
    "late": "sudo journalctl --no-pager -u gpurig-volume | grep -c 'not attached'",
    "state": "systemctl is-system-running",
    "keys": "cat ~/.ssh/authorized_keys",
}


def identity(user: User) -> dict[str, str]:
    """Return what tells a box from every other."""
    said = user.on_box("; echo ---; ".join(IDENTITY.values()))
    return {name: part.strip() for name, part in zip(IDENTITY, said.split("---\n"), strict=True)}


def own(user: User, kind: str) -> list[dict[str, Any]]:
    """Return the account's own images or snapshots, the newest first."""
    ec2 = user.cloud.client("ec2")
    if kind == "images":
        return sorted(ec2.describe_images(Owners=["self"])["Images"], key=lambda row: row["Name"], reverse=True)
    rows = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return [row for row in rows if any(tag["Key"] == "gpurig:digest" for tag in row["Tags"])]


@pytest.fixture(scope="module")
def before(user: User) -> dict[str, str]:
    """Bake a box that has run for a while, and destroy it; returns what it was."""
    user.up()
    user.fab("setup-base")
    refused = user.fab("bake", code=1)
    assert "digits is not ready" in refused
    assert "cuda is missing" in refused
    assert "fab setup-digits; then fab bake" in refused
    user.config("recipe", "base")
    user.up()
    user.on_box(f"echo one | sudo tee /etc/one /jobs/kept; sudo rm -r {LICENCES}; logger 'the old box was here'")
    user.on_box(f"echo {STRANGER} >>~/.ssh/authorized_keys")
    there = identity(user)
    assert there["log"] == "1"
    said = user.fab("bake")
    (image,) = own(user, "images")
    assert f"{image['ImageId']} is ready" in said
    assert "its snapshot costs $5.00 a month or less" in said
    assert "pulumi config set gpurig:image baked" in said
    assert identity(user) == there, "the box that was baked is no other"
    user.destroy()
    user.config("image", "baked")
    user.config("imageOs", "ubuntu-22.04")
    return there


def test_a_box_of_the_image_has_what_the_other_had_and_is_its_own(user: User, before: dict[str, str]) -> None:
    user.up()
    user.fab("setup-base")
    assert user.on_box("cat /etc/one /jobs/kept").split() == ["one", "one"]
    assert user.on_box(f"ls -d {LICENCES} 2>&1 || true").strip().endswith("No such file or directory")
    now = identity(user)
    assert now["keys"] == before["keys"].removesuffix(STRANGER).strip()
    assert (now["runs"], now["log"], now["late"], now["state"]) == ("1", "0", "0", "running")
    assert now["volume"] == f"volume_id={user.hosts()[0]['volumeId']}"
    assert all(now[what] != before[what] for what in ("machine", "host key", "volume"))
    assert "nothing to do" in user.fab("setup")


def test_an_image_of_such_a_box_stands_alone(user: User, before: dict[str, str]) -> None:
    del before
    (first,) = own(user, "images")
    user.on_box("echo two | sudo tee /etc/two")
    assert f"kept {first['ImageId']}" in user.fab("bake", "--keep", "1")
    second = own(user, "images")[0]
    user.destroy()
    user.up()
    user.fab("setup-base")
    assert user.hosts()[0]["instanceId"] not in {image["SourceInstanceId"] for image in (first, second)}
    said = user.fab("bake", "--keep", "1")
    assert f"removed {first['ImageId']}" in said
    assert f"kept {second['ImageId']}" in said
    assert len(own(user, "images")) == len(own(user, "snapshots")) == 2
    user.cloud.client("ec2").deregister_image(ImageId=second["ImageId"])
    assert user.on_box("cat /etc/one /etc/two").split() == ["one", "two"]
    assert user.on_box(f"ls -d {LICENCES} 2>&1 || true").strip().endswith("No such file or directory")
    assert user.on_box("systemctl is-system-running").strip() == "running"


def test_an_image_that_is_stale_makes_no_box(user: User, before: dict[str, str]) -> None:
    del before
    user.config("mountPoint", "/data")
    refused = user.pulumi("preview", code=1)
    assert "is stale" in refused
    assert "fab setup-base && fab bake" in refused
