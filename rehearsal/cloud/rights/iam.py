"""The rights that a call of IAM needs; whose role an instance profile hands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

from rehearsal.cloud.permissions import Wish
from rehearsal.cloud.rights.asked import passing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cloud.rights.asked import Asked


def wishes(asked: Asked) -> Iterator[Wish]:
    """Return what a call has to be allowed."""
    action, said = asked.action, asked.said
    role = _found(asked, "roles", said.get("RoleName"))
    if "InstanceProfileName" in said:
        arn = _arn(asked, "instance-profile", said["InstanceProfileName"], "instance_profiles")
        kind, context = "InstanceProfile", {}
    elif "RoleName" in said:
        arn, kind = _arn(asked, "role", said["RoleName"], "roles"), "Role"
        boundary = said.get("PermissionsBoundary") or (role.permissions_boundary_arn if role else None)
        context = {"iam:PermissionsBoundary": boundary} if boundary else {}
    else:
        service = said.get("AWSServiceName")
        context = {"iam:AWSServiceName": service} if service else {}
        yield Wish(action=f"iam:{action}", resource="*", context=context)
        return
    tags = asked.tags("Tags.member")
    yield Wish(action=f"iam:{action}", resource=arn, context={**context, **tags})
    if tags and action.startswith("Create"):
        yield Wish(action=f"iam:Tag{kind}", resource=arn, context=tags)
    if action == "AddRoleToInstanceProfile" and role:
        yield passing(role.arn, "ec2.amazonaws.com")


def passed(asked: Asked, profile: str | None, service: str) -> Iterator[Wish]:
    """Return the right to hand the role of an instance profile to a service."""
    found = _found(asked, "instance_profiles", profile)
    yield from (passing(role.arn, service) for role in (found.roles if found else ()))


def _found(asked: Asked, store: str, name: str | None) -> Any:
    """Return moto's record of a role or a profile of that name, None where there is none."""
    records = list(getattr(iam_backends[asked.account]["aws"], store).values())
    return next((record for record in records if record.name == name), None)


def _arn(asked: Asked, kind: str, name: str, store: str) -> str:
    """Return the ARN of a thing that is there, else of one that the call would make."""
    found = _found(asked, store, name)
    return str(found.arn) if found else f"arn:aws:iam::{asked.account}:{kind}{asked.said.get('Path', '/')}{name}"
