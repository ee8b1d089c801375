"""Taking over the job volumes and snapshots that another stack of this name left behind, which nobody has any more.

Before the stack's first `pulumi up` there is no id to give them: then they become what the caller left, which that
`pulumi up` goes on with (`infra/identity.py`).
"""

from __future__ import annotations

import dataclasses
import secrets
from typing import TYPE_CHECKING, Any, Self

from provision.aws.clients import aws_errors, client, listed, tag_filters, tag_pairs, tags_of
from provision.model.errors import BadInput
from provision.model.identity import maker
from provision.model.tags import HOST, JOBS, MADE_BY, PROJECT, STACK, STACK_ID, VOLUME
from provision.model.words import minute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.model.identity import Identity

NONE = "none"
"""Said instead of an id: what an earlier version made, without one."""
_ENDED = ("terminated", "shutting-down")
_AT_ONCE = 500
"""Resources of one CreateTags call; EC2 takes 1,000."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Left:
    """A volume or snapshot that may be taken over."""

    id: str
    at: float
    gib: int
    tags: Mapping[str, str]
    attached_to: str = ""

    def __str__(self) -> str:
        """Return it as the user is asked about it."""
        whose = self.tags.get(MADE_BY, "nobody knows whom")
        return f"{self.id}  {minute(self.at)}  {self.gib} GiB  {self.tags.get(HOST, '')}  of {whose}"

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Read what EC2 says of a volume or a snapshot."""
        begun = row.get("StartTime") or row["CreateTime"]
        return cls(
            id=row["SnapshotId"] if "StartTime" in row else row["VolumeId"],
            at=begun.timestamp(),
            gib=row["VolumeSize"] if "StartTime" in row else row["Size"],
            tags=tags_of(row),
            attached_to=next((one["InstanceId"] for one in row.get("Attachments", ())), ""),
        )


class Adoption:
    """What one account and region has of the stacks of one name."""

    def __init__(self, reach: str, region: str, names: tuple[str, str]) -> None:
        self._reach, self._region = reach, region
        self._named = dict(zip((PROJECT, STACK), names, strict=True))
        with aws_errors(f"cannot reach EC2 in {region}"):
            self._ec2 = client("ec2", reach, region)

    def left_by(self, stack_id: str) -> list[Left]:
        """Return what a stack of this name has left, the newest first.

        Raises `BadInput` where it is nothing, and where something of that stack is still there.
        """
        wanted = tag_filters({**self._named, VOLUME: JOBS})
        with aws_errors("cannot ask EC2 what there is of the stacks of this name"):
            rows = listed(self._ec2, "describe_snapshots", "Snapshots", OwnerIds=["self"], Filters=wanted)
            rows += listed(self._ec2, "describe_volumes", "Volumes", Filters=wanted)
        known = [Left.of(row) for row in rows]
        found = [one for one in known if one.tags.get(STACK_ID, NONE) == stack_id]
        if not found:
            ids = sorted({one.tags.get(STACK_ID, NONE) for one in known})
            there = f"there is something of: {', '.join(ids)}" if ids else "there is nothing of any"
            raise BadInput(
                [f"nothing of a stack {stack_id} named {' '.join(self._named.values())} is left"], hint=there
            )
        found.sort(key=lambda one: one.at, reverse=True)
        self._refuse_alive(stack_id, found)
        return found

    def _refuse_alive(self, stack_id: str, found: list[Left]) -> None:
        """Raise `BadInput` where a stack is not gone, and say how to have a copy."""
        own = {} if stack_id == NONE else {STACK_ID: stack_id}
        with aws_errors(f"cannot ask EC2 whether the stack {stack_id} is gone"):
            filters = tag_filters({**self._named, **own})
            groups = listed(self._ec2, "describe_security_groups", "SecurityGroups", Filters=filters)
            boxes = listed(self._ec2, "describe_instances", "Reservations", Filters=filters)
        instances = [one for row in boxes for one in row["Instances"] if one["State"]["Name"] not in _ENDED]
        alive = [row.get("InstanceId") or row["GroupId"] for row in [*instances, *groups]
                 if stack_id != NONE or STACK_ID not in tags_of(row)]  # fmt: skip
        alive += [f"{one.id} at {one.attached_to}" for one in found if one.attached_to]
        if alive:
            snapshots = [one.id for one in found if one.id.startswith("snap-")]
            copy = (
                f"a copy of what it has: pulumi config set gpurig:jobSnapshot {snapshots[0] if snapshots else 'snap-…'}"
            )
            raise BadInput([f"the stack {stack_id} is there: {', '.join(alive)}"], hint=copy)

    def take(self, found: list[Left], identity: Identity | None) -> str:
        """Give what was found to a stack, or without one to the caller's next new one; returns the id that it has."""
        if identity is None:
            with aws_errors("AWS does not say who you are"):
                arn = client("sts", self._reach, self._region).get_caller_identity()["Arn"]
            given = {STACK_ID: found[0].tags.get(STACK_ID) or secrets.token_hex(6), MADE_BY: maker(arn)}
        else:
            given = identity.tags
        for start in range(0, len(found), _AT_ONCE):
            part = [one.id for one in found[start : start + _AT_ONCE]]
            with aws_errors(f"cannot give {', '.join(part)} other tags"):
                self._ec2.create_tags(Resources=part, Tags=tag_pairs(given))
        return given[STACK_ID]
