"""Up and destroy: what they make and leave in the account."""

from __future__ import annotations

from rehearsal.story.leftovers import only_snapshots
from tests.faults.moment import Moment
from tests.faults.world import World

UP = ("pulumi", "up", "--yes", "--skip-preview")
DESTROY = ("pulumi", "destroy", "--yes", "--skip-preview")


def _torn_down(world: World) -> None:
    if world.instances() or len(world.resources()) > 1:
        world.again(*DESTROY)


def made(world: World) -> None:
    """Have a stack that is up."""
    if not world.instances() or not world.whole:
        world.again(*UP)
        world.whole = True


def _state_is_true(world: World) -> None:
    """No instance is in the state that EC2 does not have."""
    there = {row["InstanceId"] for row in world.instances()}
    noted = {row["id"] for row in world.resources() if row["type"] == "aws:ec2/instance:Instance"}
    assert noted <= there, "the state has a box that is none"


def _up(world: World) -> None:
    (box,) = world.instances()
    (volume,) = world.volumes()
    assert [one["InstanceId"] for one in volume["Attachments"]] == [box["InstanceId"]]
    assert {box["InstanceId"]} == {r["id"] for r in world.resources() if r["type"] == "aws:ec2/instance:Instance"}
    if newest := world.newest_snapshot():
        assert volume["SnapshotId"] == newest, "the jobs of before are not on the new volume"
    world.works("pulumi", "preview", "--expect-no-changes")


def _down(world: World) -> None:
    only_snapshots(world.user.cloud)
    assert world.newest_snapshot(), "the jobs are gone"


MOMENTS = {
    "up": Moment(words=lambda _: UP, before=_torn_down, call="RunInstances", calls=40, honest=_state_is_true, done=_up),
    "destroy": Moment(
        words=lambda _: DESTROY, before=made, call="DeleteVolume", calls=40, honest=_state_is_true, done=_down
    ),
}
