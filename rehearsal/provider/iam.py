"""Role, inline role policy, instance profile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, changed, pairs, tag_fields
from rehearsal.provider.validate import between, json_document, matches, same_json

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Act, Item
    from rehearsal.provider.wire import Values

_PROPAGATION_S = 15.0
"""How long one half of IAM may not know yet what the other has just made."""
_ROLE_NAME_LIMIT = 64
_NAME = matches(r"[\w+=,.@-]{1,128}", "an IAM name: letters, digits and any of +=,.@-_")


def _tagged(inputs: Values) -> dict[str, Any]:
    return {"Tags": pairs(inputs["tagsAll"])} if inputs.get("tagsAll") else {}


def _retag(thing: str, key: str) -> Act:
    """Return what brings the tags of an IAM `thing`, which its calls name by `key`, to `tagsAll`."""

    def act(aws: Aws, item: Item) -> None:
        wanted, superfluous = changed(item)
        if superfluous:
            aws.iam(f"Untag{thing}", TagKeys=superfluous, **{key: item.id})
        if wanted:
            aws.iam(f"Tag{thing}", Tags=pairs(wanted), **{key: item.id})

    return act


def _create_role(aws: Aws, inputs: Values) -> str:
    params = {**request(inputs, "path", "description", "maxSessionDuration"), **_tagged(inputs)}
    document = inputs["assumeRolePolicy"]
    made = aws.iam("CreateRole", RoleName=inputs["name"], AssumeRolePolicyDocument=document, **params)["Role"]
    name: str = made["RoleName"]
    return name


def _read_role(aws: Aws, item: Item) -> Values:
    role = aws.iam("GetRole", RoleName=item.id)["Role"]
    return {
        **answer(role, "arn", "path", "description", "maxSessionDuration"),
        "name": role["RoleName"],
        "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
        "createDate": role["CreateDate"].isoformat(),
        "uniqueId": role["RoleId"],
        **as_read(role.get("Tags"), aws, item),
    }


def _set_trust(aws: Aws, item: Item) -> None:
    aws.iam("UpdateAssumeRolePolicy", RoleName=item.id, PolicyDocument=item.values["assumeRolePolicy"])


def _describe_role(aws: Aws, item: Item) -> None:
    params = request(item.values, "maxSessionDuration")
    aws.iam("UpdateRole", RoleName=item.id, Description=item.values.get("description", ""), **params)


def _delete_role(aws: Aws, item: Item) -> None:
    # AWS keeps a role that anything still uses.
    for profile in aws.iam("ListInstanceProfilesForRole", RoleName=item.id)["InstanceProfiles"]:
        name = profile["InstanceProfileName"]
        aws.iam("RemoveRoleFromInstanceProfile", InstanceProfileName=name, RoleName=item.id)
    if item.values.get("forceDetachPolicies"):
        for policy in aws.iam("ListAttachedRolePolicies", RoleName=item.id)["AttachedPolicies"]:
            aws.iam("DetachRolePolicy", RoleName=item.id, PolicyArn=policy["PolicyArn"])
        for name in aws.iam("ListRolePolicies", RoleName=item.id)["PolicyNames"]:
            aws.iam("DeleteRolePolicy", RoleName=item.id, PolicyName=name)
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
    params = {**request(inputs, "path"), **_tagged(inputs)}
    made = aws.iam("CreateInstanceProfile", InstanceProfileName=inputs["name"], **params)["InstanceProfile"]
    name: str = made["InstanceProfileName"]
    return name


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
        **answer(profile, "arn", "path"),
        "name": profile["InstanceProfileName"],
        "role": roles[0].get("RoleName"),
        "createDate": profile["CreateDate"].isoformat(),
        "uniqueId": profile["InstanceProfileId"],
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
            "name": Field(
                on_change=Fate.REPLACE,
                why_not=matches(r"[\w+=,.@-]{1,64}", "an IAM role name: 1 to 64 of a-z, 0-9, +=,.@-_"),
            ),
            "assumeRolePolicy": Field(required=True, on_change=_set_trust, why_not=json_document, same=same_json),
            "description": Field(on_change=_describe_role),
            "maxSessionDuration": Field(type=int, default=3600, on_change=_describe_role, why_not=between(3600, 43200)),
            "path": Field(default="/", on_change=Fate.REPLACE),
            "forceDetachPolicies": Field(type=bool, default=False, on_change=Fate.RECORD),
            **tag_fields(_retag("Role", "RoleName")),
        },
        outputs=("arn", "createDate", "uniqueId", *OUTPUTS),
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
            "name": Field(on_change=Fate.REPLACE, why_not=_NAME),
            "policy": Field(required=True, on_change=_change_policy, why_not=json_document, same=same_json),
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
            "name": Field(on_change=Fate.REPLACE, why_not=_NAME),
            "path": Field(default="/", on_change=Fate.REPLACE),
            "role": Field(on_change=_set_role),
            **tag_fields(_retag("InstanceProfile", "InstanceProfileName")),
        },
        outputs=("arn", "createDate", "uniqueId", *OUTPUTS),
        auto_name="name",
        name_limit=128,
        create=_create_profile,
        settle=_set_role,
        read=_read_profile,
        delete=_delete_profile,
    ),
}
