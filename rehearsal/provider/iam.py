"""Role, inline role policy, instance profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, request
from rehearsal.provider.tags import OUTPUTS, as_read, pairs, retag, tag_fields
from rehearsal.provider.validate import same_json

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values

_PROPAGATION_S = 15.0
"""How long one half of IAM may not know yet what the other has just made."""
_ROLE_NAME_LIMIT = 64


def _tagged(inputs: Values) -> dict[str, Any]:
    return {"Tags": pairs(inputs["tagsAll"])} if inputs.get("tagsAll") else {}


def _create_role(aws: Aws, inputs: Values) -> str:
    trust = inputs["assumeRolePolicy"]
    more = request(inputs, "path", "permissionsBoundary")
    made = aws.iam("CreateRole", RoleName=inputs["name"], AssumeRolePolicyDocument=trust, **more, **_tagged(inputs))
    return str(made["Role"]["RoleName"])


def _read_role(aws: Aws, item: Item) -> Values:
    role = aws.iam("GetRole", RoleName=item.id)["Role"]
    return {
        "name": role["RoleName"],
        "arn": role["Arn"],
        "path": role["Path"],
        "permissionsBoundary": (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
        "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
        **as_read(role.get("Tags"), aws, item),
    }


def _set_trust(aws: Aws, item: Item) -> None:
    aws.iam("UpdateAssumeRolePolicy", RoleName=item.id, PolicyDocument=item.values["assumeRolePolicy"])


def _set_boundary(aws: Aws, item: Item) -> None:
    if boundary := item.values.get("permissionsBoundary"):
        aws.iam("PutRolePermissionsBoundary", RoleName=item.id, PermissionsBoundary=boundary)
    else:
        aws.iam("DeleteRolePermissionsBoundary", RoleName=item.id)


def _delete_role(aws: Aws, item: Item) -> None:
    # AWS keeps a role that anything still uses.
    for profile in aws.iam("ListInstanceProfilesForRole", RoleName=item.id)["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        aws.iam("RemoveRoleFromInstanceProfile", InstanceProfileName=name, RoleName=item.id)
    aws.iam("DeleteRole", RoleName=item.id)


def _create_policy(aws: Aws, inputs: Values) -> str:
    _put_policy(aws, inputs["role"], inputs["name"], inputs["policy"])
    return f"{inputs['role']}:{inputs['name']}"


def _put_policy(aws: Aws, role: str, name: str, document: str) -> None:
    aws.insist(
        ("NoSuchEntity",),  # the role was made a moment ago
        lambda: aws.iam("PutRolePolicy", RoleName=role, PolicyName=name, PolicyDocument=document),
        seconds=_PROPAGATION_S,
    )


def _change_policy(aws: Aws, item: Item) -> None:
    role, _, name = item.id.partition(":")
    _put_policy(aws, role, name, item.values["policy"])


def _read_policy(aws: Aws, item: Item) -> Values:
    role, _, name = item.id.partition(":")
    found = aws.iam("GetRolePolicy", RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": json.dumps(found["PolicyDocument"])}


def _delete_policy(aws: Aws, item: Item) -> None:
    role, _, name = item.id.partition(":")
    aws.iam("DeleteRolePolicy", RoleName=role, PolicyName=name)


def _create_profile(aws: Aws, inputs: Values) -> str:
    more = request(inputs, "path")
    made = aws.iam("CreateInstanceProfile", InstanceProfileName=inputs["name"], **more, **_tagged(inputs))
    return str(made["InstanceProfile"]["InstanceProfileName"])


def _set_role(aws: Aws, item: Item) -> None:
    """Give the profile the role that is asked for, and no other."""
    wanted = item.values.get("role")
    for role in _profile(aws, item.id)["Roles"]:
        if role["RoleName"] == wanted:
            return
        aws.iam("RemoveRoleFromInstanceProfile", InstanceProfileName=item.id, RoleName=role["RoleName"])
    if wanted:
        aws.insist(
            ("NoSuchEntity",),
            lambda: aws.iam("AddRoleToInstanceProfile", InstanceProfileName=item.id, RoleName=wanted),
            seconds=_PROPAGATION_S,
        )


def _profile(aws: Aws, name: str) -> dict[str, Any]:
    profile: dict[str, Any] = aws.iam("GetInstanceProfile", InstanceProfileName=name)["InstanceProfile"]
    return profile


def _read_profile(aws: Aws, item: Item) -> Values:
    profile = _profile(aws, item.id)
    roles = profile["Roles"] or [{}]
    return {
        "name": profile["InstanceProfileName"],
        "path": profile["Path"],
        "role": roles[0].get("RoleName"),
        **as_read(profile.get("Tags"), aws, item),
    }


def _delete_profile(aws: Aws, item: Item) -> None:
    for role in _profile(aws, item.id)["Roles"]:
        aws.iam("RemoveRoleFromInstanceProfile", InstanceProfileName=item.id, RoleName=role["RoleName"])
    aws.iam("DeleteInstanceProfile", InstanceProfileName=item.id)


KINDS = {
    "aws:iam/role:Role": Kind(
        noun="IAM Role",
        fields={
            "name": Field(on_change=Fate.REPLACE),
            "path": Field(on_change=Fate.REPLACE, default="/"),
            "assumeRolePolicy": Field(required=True, on_change=_set_trust, same=same_json),
            "permissionsBoundary": Field(on_change=_set_boundary),
            **tag_fields(retag("iam", "Role", lambda item: {"RoleName": item.id})),
        },
        outputs=("arn", *OUTPUTS),
        auto_name="name",
        name_limit=_ROLE_NAME_LIMIT,
        create=_create_role,
        read=_read_role,
        delete=_delete_role,
    ),
    "aws:iam/rolePolicy:RolePolicy": Kind(
        noun="IAM Role Policy",
        fields={
            "role": Field(required=True, on_change=Fate.REPLACE),
            "name": Field(on_change=Fate.REPLACE),
            "policy": Field(required=True, on_change=_change_policy, same=same_json),
        },
        auto_name="name",
        name_limit=128,
        create=_create_policy,
        read=_read_policy,
        delete=_delete_policy,
    ),
    "aws:iam/instanceProfile:InstanceProfile": Kind(
        noun="IAM Instance Profile",
        fields={
            "name": Field(on_change=Fate.REPLACE),
            "path": Field(on_change=Fate.REPLACE, default="/"),
            "role": Field(on_change=_set_role),
            **tag_fields(retag("iam", "InstanceProfile", lambda item: {"InstanceProfileName": item.id})),
        },
        outputs=OUTPUTS,
        auto_name="name",
        name_limit=128,
        create=_create_profile,
        settle=_set_role,
        read=_read_profile,
        delete=_delete_profile,
    ),
}
