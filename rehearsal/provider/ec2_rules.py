"""The rules of security groups, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.ec2 import Ec2
from rehearsal.provider.model import Fate, Field, answer, request
from rehearsal.provider.tags import at_creation
from rehearsal.provider.validate import between, cidr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item, Kind
    from rehearsal.provider.wire import Values


def _permission(values: Values) -> dict[str, Any]:
    """Return a rule as Authorize… takes it."""
    ports, described = request(values, "ipProtocol", "fromPort", "toPort"), request(values, "description")
    if group := values.get("referencedSecurityGroupId"):
        return {**ports, "UserIdGroupPairs": [{"GroupId": group, **described}]}
    return {**ports, "IpRanges": [{"CidrIp": values["cidrIpv4"], **described}]}


def _rule_kind(side: str, sources: Mapping[str, Field]) -> Kind:
    described = Ec2(
        api_name="SecurityGroupRule",
        noun=f"VPC Security Group {side} Rule",
        tag_type="security-group-rule",
        names=("ipProtocol", "cidrIpv4", "description"),
        renamed={"securityGroupId": "GroupId"},
    )

    def create(aws: Aws, inputs: Values) -> str:
        wanted = {"GroupId": inputs["securityGroupId"], "IpPermissions": [_permission(inputs)]}
        made = aws.ec2(f"AuthorizeSecurityGroup{side}", **wanted, **at_creation(inputs, described.tag_type))
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def read(aws: Aws, item: Item) -> Values:
        rule = described.find(aws, item.id)
        # "Everything" comes back with ports of -1, which nobody writes.
        ports = {} if rule["IpProtocol"] == "-1" else answer(rule, "fromPort", "toPort")
        group = (rule.get("ReferencedGroupInfo") or {}).get("GroupId")
        return {**described.properties(rule, aws, item), **ports, "referencedSecurityGroupId": group}

    def delete(aws: Aws, item: Item) -> None:
        group_id = item.values["securityGroupId"]
        aws.ec2(f"RevokeSecurityGroup{side}", GroupId=group_id, SecurityGroupRuleIds=[item.id])

    port = Field(type=int, why_not=between(-1, 65535), on_change=_change_rule)
    return described.kind(
        {
            "securityGroupId": Field(required=True, on_change=Fate.REPLACE),
            "ipProtocol": Field(required=True, on_change=_change_rule),
            "fromPort": port,
            "toPort": port,
            "description": Field(on_change=_change_rule),
            **sources,
        },
        exactly_one=tuple(sources),
        create=create,
        read=read,
        delete=delete,
    )


def _change_rule(aws: Aws, item: Item) -> None:
    rule = request(item.values, "ipProtocol", "fromPort", "toPort", "cidrIpv4")
    if group := item.values.get("referencedSecurityGroupId"):
        rule["ReferencedGroupId"] = group
    rule["Description"] = item.values.get("description", "")
    if rule["IpProtocol"] == "-1":
        rule |= {"FromPort": -1, "ToPort": -1}
    changed = [{"SecurityGroupRuleId": item.id, "SecurityGroupRule": rule}]
    aws.ec2("ModifySecurityGroupRules", GroupId=item.values["securityGroupId"], SecurityGroupRules=changed)


_RANGE = Field(on_change=_change_rule, why_not=cidr())
KINDS = {
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule_kind(
        "Ingress", {"cidrIpv4": _RANGE, "referencedSecurityGroupId": Field(on_change=_change_rule)}
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule_kind("Egress", {"cidrIpv4": _RANGE}),
}
