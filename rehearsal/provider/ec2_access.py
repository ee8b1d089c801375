"""Security groups and key pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Item, Kind, answer, request, where
from rehearsal.provider.tags import OUTPUTS, as_read, at_creation, retag_ec2, tag_fields

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values

_TAGS = tag_fields(retag_ec2)


def _group(aws: Aws, group_id: str) -> dict[str, Any]:
    return aws.described("DescribeSecurityGroups", "SecurityGroups", GroupIds=[group_id])


def _create_group(aws: Aws, inputs: Values) -> str:
    params = {**request(inputs, "description", "vpcId"), **at_creation(inputs, "security-group")}
    group_id: str = aws.ec2("CreateSecurityGroup", GroupName=inputs["name"], **params)["GroupId"]
    return group_id


def _close(aws: Aws, group_id: str) -> None:
    """Revoke every rule of a group: AWS opens a new one to the outside, and a default one to itself."""
    group = _group(aws, group_id)
    for operation, rules in (
        ("RevokeSecurityGroupIngress", group["IpPermissions"]),
        ("RevokeSecurityGroupEgress", group["IpPermissionsEgress"]),
    ):
        if rules:
            aws.ec2(operation, GroupId=group_id, IpPermissions=rules)


def _read_group(aws: Aws, item: Item) -> Values:
    group = _group(aws, item.id)
    return {
        **answer(group, "description", "vpcId"),
        "name": group["GroupName"],
        **as_read(group.get("Tags"), aws, item),
    }


def _find_default_group(aws: Aws, inputs: Values) -> str:
    default = where(group_name="default", vpc_id=inputs["vpcId"])
    group_id: str = aws.described("DescribeSecurityGroups", "SecurityGroups", **default)["GroupId"]
    return group_id


def _adopt_default_group(aws: Aws, item: Item) -> None:
    _close(aws, item.id)
    retag_ec2(aws, item)


def _read_default_group(aws: Aws, item: Item) -> Values:
    group = _group(aws, item.id)
    rules = {"ingress": group["IpPermissions"], "egress": group["IpPermissionsEgress"]}
    return {**_read_group(aws, item), **{side: [_inline(rule) for rule in found] for side, found in rules.items()}}


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
    name: str = aws.ec2("ImportKeyPair", PublicKeyMaterial=material, **params)["KeyName"]
    return name


def _read_key(aws: Aws, item: Item) -> Values:
    pair = aws.described("DescribeKeyPairs", "KeyPairs", KeyNames=[item.id], IncludePublicKey=True)
    return {
        **answer(pair, "keyName"),
        **({"publicKey": pair["PublicKey"]} if pair.get("PublicKey") else {}),
        **as_read(pair.get("Tags"), aws, item),
    }


def _same_key(one: str, other: str) -> bool:
    # AWS replaces the comment behind a key with the pair's name.
    return one.split()[:2] == other.split()[:2]


def _retag_key(aws: Aws, item: Item) -> None:
    pair = aws.described("DescribeKeyPairs", "KeyPairs", KeyNames=[item.id])
    retag_ec2(aws, Item(pair["KeyPairId"], item.values))


def _only_empties(rules: list[Any]) -> str | None:
    return "the stand-in provider only empties a default security group: give []" if rules else None


KINDS = {
    "aws:ec2/securityGroup:SecurityGroup": Kind(
        noun="EC2 Security Group",
        fields={
            "name": Field(on_change=Fate.REPLACE),
            "description": Field(required=True, on_change=Fate.REPLACE),
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
            **_TAGS,
        },
        outputs=OUTPUTS,
        auto_name="name",
        create=_create_group,
        settle=lambda aws, item: _close(aws, item.id),
        read=_read_group,
        delete=lambda aws, item: aws.ec2("DeleteSecurityGroup", GroupId=item.id),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Kind(
        noun="EC2 Default Security Group",
        fields={
            "vpcId": Field(required=True, on_change=Fate.REPLACE),
            "ingress": Field(type=list, computed=True, on_change=_adopt_default_group, why_not=_only_empties),
            "egress": Field(type=list, computed=True, on_change=_adopt_default_group, why_not=_only_empties),
            **_TAGS,
        },
        outputs=("description", "name", *OUTPUTS),
        create=_find_default_group,
        settle=_adopt_default_group,
        read=_read_default_group,
        delete=lambda *_: None,
        forgets=lambda _: True,
    ),
    "aws:ec2/keyPair:KeyPair": Kind(
        noun="EC2 Key Pair",
        fields={
            "keyName": Field(on_change=Fate.REPLACE),
            "publicKey": Field(required=True, on_change=Fate.REPLACE, same=_same_key),
            **tag_fields(_retag_key),
        },
        outputs=OUTPUTS,
        auto_name="keyName",
        create=_import_key,
        read=_read_key,
        delete=lambda aws, item: aws.ec2("DeleteKeyPair", KeyName=item.id),
    ),
}
