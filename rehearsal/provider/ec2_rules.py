"""The rules of security groups, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, at_creation, retag_ec2, tag_fields
from rehearsal.provider.validate import between, cidr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item, Problem
    from rehearsal.provider.wire import Values

_SOURCES = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}
"""Whom a rule lets through, and where Authorize… wants that said."""


def _permission(values: Values) -> dict[str, Any]:
    """Return a rule as Authorize… takes it."""
    note = {"Description": values["description"]} if values.get("description") else {}
    source = next(name for name in _SOURCES if values.get(name))
    listed, key = _SOURCES[source]
    return {**request(values, "ipProtocol", "fromPort", "toPort"), listed: [{key: values[source], **note}]}


def _rule_kind(side: str) -> Kind:
    def create(aws: Aws, inputs: Values) -> str:
        made = aws.ec2(
            f"AuthorizeSecurityGroup{side}",
            GroupId=inputs["securityGroupId"],
            IpPermissions=[_permission(inputs)],
            **at_creation(inputs, "security-group-rule"),
        )
        rule_id: str = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        return rule_id

    def delete(aws: Aws, item: Item) -> None:
        group_id = item.values["securityGroupId"]
        aws.ec2(f"RevokeSecurityGroup{side}", GroupId=group_id, SecurityGroupRuleIds=[item.id])

    port = Field(type=int, why_not=between(-1, 65535), on_change=_change_rule)
    return Kind(
        noun=f"VPC Security Group {side} Rule",
        fields={
            "securityGroupId": Field(required=True, on_change=Fate.REPLACE),
            "ipProtocol": Field(required=True, on_change=_change_rule),
            "fromPort": port,
            "toPort": port,
            "description": Field(on_change=_change_rule),
            "cidrIpv4": Field(on_change=_change_rule, why_not=cidr(), replaces_if=_other_source),
            **{
                name: Field(on_change=_change_rule, replaces_if=_other_source)
                for name in _SOURCES
                if name != "cidrIpv4"
            },
            **tag_fields(retag_ec2),
        },
        outputs=("arn", "securityGroupRuleId", *OUTPUTS),
        create=create,
        read=_read_rule,
        delete=delete,
        problems=_rule_problems,
    )


def _rule_problems(inputs: Values) -> Iterator[Problem]:
    given = [name for name in _SOURCES if inputs.get(name)]
    if len(given) != 1:
        yield "cidrIpv4", f"exactly one of {', '.join(_SOURCES)} must be given, not {', '.join(given) or 'none'}"
    if inputs["ipProtocol"] == "-1":
        return
    for name in ("fromPort", "toPort"):
        if name not in inputs:
            yield name, f'is required where ipProtocol is {inputs["ipProtocol"]!r}: only "-1" (everything) has no ports'


def _other_source(old: Values, new: Values) -> bool:
    # AWS changes a rule's source only for another one of the same sort.
    return [name for name in _SOURCES if old.get(name)] != [name for name in _SOURCES if new.get(name)]


def _change_rule(aws: Aws, item: Item) -> None:
    rule = request(item.values, "ipProtocol", "fromPort", "toPort", "cidrIpv4", "cidrIpv6", "prefixListId")
    if item.values.get("referencedSecurityGroupId"):
        rule["ReferencedGroupId"] = item.values["referencedSecurityGroupId"]
    rule["Description"] = item.values.get("description", "")
    if rule["IpProtocol"] == "-1":
        rule |= {"FromPort": -1, "ToPort": -1}
    changed = [{"SecurityGroupRuleId": item.id, "SecurityGroupRule": rule}]
    aws.ec2("ModifySecurityGroupRules", GroupId=item.values["securityGroupId"], SecurityGroupRules=changed)


def _read_rule(aws: Aws, item: Item) -> Values:
    rule = aws.described("DescribeSecurityGroupRules", "SecurityGroupRules", SecurityGroupRuleIds=[item.id])
    # "Everything" comes back with ports of -1, which nobody writes.
    ports = {} if rule["IpProtocol"] == "-1" else answer(rule, "fromPort", "toPort")
    return {
        **answer(rule, "ipProtocol", "cidrIpv4", "cidrIpv6", "prefixListId", "description"),
        **ports,
        "securityGroupId": rule["GroupId"],
        "referencedSecurityGroupId": rule.get("ReferencedGroupInfo", {}).get("GroupId"),
        "securityGroupRuleId": item.id,
        "arn": aws.arn("ec2", f"security-group-rule/{item.id}"),
        **as_read(rule.get("Tags"), aws, item),
    }


KINDS = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule_kind("Ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule_kind("Egress"),
}
