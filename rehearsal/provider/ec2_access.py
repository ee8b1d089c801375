"""Security groups and key pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.ec2 import Ec2
from rehearsal.provider.model import Fate, Field, Item, request, where
from rehearsal.provider.tags import OUTPUTS, at_creation, retag_ec2

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values

_GROUP = Ec2(
    api_name="SecurityGroup",
    noun="EC2 Security Group",
    tag_type="security-group",
    id_name="GroupId",
    names=("description", "vpcId"),
    renamed={"name": "GroupName"},
)
_KEY = Ec2(api_name="KeyPair", noun="EC2 Key Pair", tag_type="key-pair", id_name="KeyName", names=("keyName",))


def _close(aws: Aws, group_id: str) -> None:
    """Revoke every rule of a group: AWS opens a new one to the outside, and a default one to itself."""
    group = _GROUP.find(aws, group_id)
    for operation, rules in (
        ("RevokeSecurityGroupIngress", group["IpPermissions"]),
        ("RevokeSecurityGroupEgress", group["IpPermissionsEgress"]),
    ):
        if rules:
            aws.ec2(operation, GroupId=group_id, IpPermissions=rules)


def _find_default_group(aws: Aws, inputs: Values) -> str:
    default = where(group_name="default", vpc_id=inputs["vpcId"])
    return str(aws.described("DescribeSecurityGroups", "SecurityGroups", **default)["GroupId"])


def _adopt_default_group(aws: Aws, item: Item) -> None:
    retag_ec2(aws, item)  # first, as the provider does: by its tag a policy knows whose rules are revoked
    _close(aws, item.id)


def _read_default_group(aws: Aws, item: Item) -> Values:
    group = _GROUP.find(aws, item.id)
    rules = {"ingress": group["IpPermissions"], "egress": group["IpPermissionsEgress"]}
    sides = {side: [_inline(rule) for rule in found] for side, found in rules.items()}
    return {**_GROUP.properties(group, aws, item), **sides}


def _inline(rule: dict[str, Any]) -> Values:
    """Return a rule as the type with rules inside writes it."""
    return {
        "protocol": rule["IpProtocol"],
        "fromPort": max(0, rule.get("FromPort", 0)),
        "toPort": max(0, rule.get("ToPort", 0)),
        "cidrBlocks": [part["CidrIp"] for part in rule.get("IpRanges", [])],
        "securityGroups": [part["GroupId"] for part in rule.get("UserIdGroupPairs", [])],
    }


def _import_key(aws: Aws, inputs: Values) -> str:
    material = inputs["publicKey"].encode()
    params = {**request(inputs, "keyName"), **at_creation(inputs, "key-pair")}
    return str(aws.ec2("ImportKeyPair", PublicKeyMaterial=material, **params)["KeyName"])


def _retag_key(aws: Aws, item: Item) -> None:
    retag_ec2(aws, Item(_KEY.find(aws, item.id)["KeyPairId"], item.values))


def _only_empties(rules: list[Any]) -> str | None:
    return "the stand-in provider only empties a default security group: give []" if rules else None


KINDS = {
    "aws:ec2/securityGroup:SecurityGroup": _GROUP.kind(
        {
            "name": Field(on_change=Fate.REPLACE),
            "description": Field(required=True, on_change=Fate.REPLACE),
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
        },
        auto_name="name",
        settle=lambda aws, item: _close(aws, item.id),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _GROUP.kind(
        {
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
            "ingress": Field(type=list, computed=True, on_change=_adopt_default_group, why_not=_only_empties),
            "egress": Field(type=list, computed=True, on_change=_adopt_default_group, why_not=_only_empties),
        },
        noun="EC2 Default Security Group",
        outputs=("description", "name", *OUTPUTS),
        create=_find_default_group,
        settle=_adopt_default_group,
        read=_read_default_group,
        delete=lambda *_: None,
        forgets=lambda _: True,
    ),
    "aws:ec2/keyPair:KeyPair": _KEY.kind(
        {
            "keyName": Field(on_change=Fate.REPLACE),
            "publicKey": Field(required=True, on_change=Fate.REPLACE),
        },
        retag=_retag_key,
        auto_name="keyName",
        # The key itself is not read back: another one under the pair's name goes unseen, as with the official provider.
        create=_import_key,
    ),
}
