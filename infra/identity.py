"""Who this stack is: the id that its state keeps, and whose jobs it may go on with.

The state keeps it in a stash (the engine's own kind of resource), which is written down before AWS makes anything and
goes after all else. `pulumi destroy` leaves no state: then the id is that of the snapshots and volumes that the same
caller has left under the stack's name, unless something of it is still there, which is another checkout's stack.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from typing import TYPE_CHECKING, Any, Protocol

import pulumi

from provision.model.identity import NAME, Identity, maker, stashed, to_stash
from provision.model.tags import HOST, JOBS, LAST, MADE_BY, PROJECT, STACK, STACK_ID, VOLUME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BEHIND = 15.0
"""Seconds by which EC2's answers are taken to be behind at most: it promises no figure, a few are usual."""
LOOK = 1.0
_A_DESTROY = dt.timedelta(hours=3)
"""How long a destroy may go on once it has begun a job volume's snapshot: `infra.storage` waits for that for 2 h."""


class _Volume(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...


class _Snapshot(Protocol):
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def volume(self) -> str: ...
    @property
    def at(self) -> str: ...
    @property
    def description(self) -> str: ...


class _Cloud(Protocol):
    """What of `infra.cloud.Cloud` tells who a stack is."""

    @property
    def caller_arn(self) -> str: ...
    def snapshots(self, tags: Mapping[str, str]) -> list[str]: ...
    def snapshot(self, snapshot_id: str, wrong: str) -> _Snapshot: ...
    def volumes(self, filters: Mapping[str, Sequence[str]]) -> Sequence[_Volume]: ...
    def is_alive(self, stack_id: str) -> bool: ...


def name_tags() -> dict[str, str]:
    """Return the tags that a stack shares with all others of its name."""
    return {PROJECT: pulumi.get_project(), STACK: pulumi.get_stack()}


def tagged(wanted: Mapping[str, str]) -> dict[str, list[str]]:
    """Return EC2's filters for what carries these tags."""
    return {f"tag:{key}": [wanted[key]] for key in sorted(wanted)}


class Stashed:
    """The identity of this stack, noted in its state; the first that was noted counts."""

    def __init__(self, cloud: _Cloud) -> None:
        made_by = maker(cloud.caller_arn)
        new = Identity(id=_past(cloud, made_by) or secrets.token_hex(6), made_by=made_by)
        # Only a new stack takes the value: another run comes up with another.
        self.resource = pulumi.Stash(NAME, input=to_stash(new), opts=pulumi.ResourceOptions(ignore_changes=["input"]))
        # The program has to know before it asks what there is of the stack. An invoke waits for the stash, and the
        # engine answers what became of it.
        asked = pulumi.runtime.invoke("pulumi:pulumi:getResource", {"urn": self.resource.urn}).value
        self.identity = stashed(asked["state"]["output"])

    @property
    def options(self) -> pulumi.ResourceOptions:
        """What has all below a component carry the stack's tags, and be gone before the stash is."""
        return pulumi.ResourceOptions(depends_on=[self.resource], transformations=[self._tagged])

    def _tagged(self, made: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        # Not among the provider's default tags: that provider is asked who the stack is, so it has to be there before.
        if not hasattr(type(made.resource), "tags_all") or getattr(made.opts, "id", None):
            return None
        # Of the types here they are a plain mapping, wherever they are taken at all.
        own: Any = made.props.get("tags") or {}
        return pulumi.ResourceTransformationResult({**made.props, "tags": {**own, **self.identity.tags}}, made.opts)


def _past(cloud: _Cloud, made_by: str) -> str:
    """Return the id of the newest job snapshot, or else of a volume, that the caller left and nothing lives of.

    "" where there is none.
    """
    left = {**name_tags(), VOLUME: JOBS, MADE_BY: made_by}
    alive: set[str] = set()
    snapshots = cloud.snapshots(left)
    while snapshots:
        newest = cloud.snapshot(snapshots[0], f"snapshot {snapshots[0]}")
        one = newest.tags[STACK_ID]
        if not _lives(cloud, one, newest):
            return one
        alive.add(one)
        others = cloud.snapshots({**left, STACK_ID: one})
        snapshots = [name for name in snapshots[1:] if name not in others]
    found = {volume.tags.get(STACK_ID, "") for volume in cloud.volumes(tagged(left))} - alive - {""}
    return next((one for one in sorted(found) if not cloud.is_alive(one)), "")


def _lives(cloud: _Cloud, stack_id: str, newest: _Snapshot) -> bool:
    """Tell whether a stack is there, of which this is the newest snapshot.

    Right after its destroy EC2 may still answer as before it, and what the destroy has saved would be left aside.
    """
    if not cloud.is_alive(stack_id):
        return False
    if not _may_be_the_last(cloud, stack_id, newest):
        return True
    pulumi.log.info(f"stack {stack_id} of this name may just have been destroyed: looking again for {BEHIND:g} s")
    deadline = time.monotonic() + BEHIND
    while time.monotonic() < deadline:
        time.sleep(LOOK)
        if not cloud.is_alive(stack_id):
            return False
    return True


def _may_be_the_last(cloud: _Cloud, stack_id: str, newest: _Snapshot) -> bool:
    """Tell whether the destroy that took a snapshot may just have ended: its host has had no other job volume since."""
    age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(newest.at)
    if newest.description not in ("", LAST) or age > _A_DESTROY:
        return False
    same = {STACK_ID: stack_id, VOLUME: JOBS, HOST: newest.tags.get(HOST, "")}
    return all(volume.id == newest.volume for volume in cloud.volumes(tagged(same)))
