"""The moments at which something goes wrong: a command, what comes before it, and what must hold after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from rehearsal.story.leftovers import only_snapshots
from tests.faults.world import World

UP = ("pulumi", "up", "--yes", "--skip-preview")
DESTROY = ("pulumi", "destroy", "--yes", "--skip-preview")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moment:
    """A command in the middle of which a fault strikes."""

    words: Callable[[World], tuple[str, ...]]
    before: Callable[[World], None]
    """Makes the world that the command is typed in."""
    call: str = ""
    """The call of AWS that matters most to it; "": it needs none."""
    middle: Callable[[World], bool] | None = None
    """Whether the command, which was begun, is in its middle; None: it is while its call of AWS is held back."""
    release: Callable[[World], None] = lambda _: None
    """Lets what waits in the middle go on."""
    honest: Callable[[World], None] = lambda _: None
    """Asserts that nothing half done counts as done, however the command has ended."""
    again: Callable[[World, tuple[str, ...]], list[str]] = lambda world, words: world.again(*words)
    """Types the command again, and does what it says; returns what that was."""
    done: Callable[[World], None]
    """Asserts that all is there that the command is for."""


# -- up and destroy: all of it in the account


def _torn_down(world: World) -> None:
    if world.instances():
        world.works(*DESTROY)


def _made(world: World) -> None:
    if not world.instances():
        world.works(*UP)


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
    "up": Moment(words=lambda _: UP, before=_torn_down, call="RunInstances", honest=_state_is_true, done=_up),
    "destroy": Moment(words=lambda _: DESTROY, before=_made, call="DeleteVolume", honest=_state_is_true, done=_down),
}
