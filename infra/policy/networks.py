"""Rules about networks: who is let in, and that nothing is left over."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from infra.policy.machines import INSTANCE
from infra.policy.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.policy.rule import Resource, Wrong

GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
VPC = "aws:ec2/vpc:Vpc"
DEFAULT = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
ADDRESS = "aws:ec2/eip:Eip"
SSH, RDP, HTTP = 22, 3389, 80


def _let_in(rule: Resource) -> tuple[int, int]:
    """Return the first and the last TCP port that a rule opens."""
    if rule.props.get("ipProtocol") == "-1":
        return 0, 65535
    first = int(rule.props.get("fromPort") or 0)
    return first, int(rule.props.get("toPort") or first)


def _public(rule: Resource) -> bool:
    """Tell whether a rule is for the whole internet, or for an IPv6 range, which no box has an address for."""
    cidr = rule.props.get("cidrIpv4")
    return bool(rule.props.get("cidrIpv6")) or (cidr is not None and ipaddress.ip_network(cidr).prefixlen == 0)


def _open(port: int) -> Wrong:
    def wrong(rule: Resource, _: Sequence[Resource]) -> str:
        first, last = _let_in(rule)
        return f"it opens port {port} to the internet" if _public(rule) and first <= port <= last else ""

    return wrong


def _open_at_all(rule: Resource, _: Sequence[Resource]) -> str:
    first, last = _let_in(rule)
    ports = f"port {first}" if first == last else f"ports {first} to {last}"
    return f"it opens {ports} to the internet" if _public(rule) else ""


def _all_ports(rule: Resource, _: Sequence[Resource]) -> str:
    return "it opens every port" if _let_in(rule) == (0, 65535) else ""


def _undescribed(resource: Resource, _: Sequence[Resource]) -> str:
    return "" if resource.props.get("description") else "nobody can tell what it is for: it has no description"


def _rules_inside(group: Resource, _: Sequence[Resource]) -> str:
    inside = group.props.get("ingress") or group.props.get("egress")
    return "it has rules inside, which the rules about rules do not see" if inside else ""


def _unattached(_: Resource, everything: Sequence[Resource]) -> str:
    places = sum(len(one.props.get("vpcSecurityGroupIds") or ()) for one in everything if one.type == INSTANCE)
    groups = sum(1 for one in everything if one.type == GROUP)
    return "" if groups <= places else f"there are {groups} groups, and instances are in {places}"


def _default_group(_: Resource, everything: Sequence[Resource]) -> str:
    groups = [one.props for one in everything if one.type == DEFAULT]
    closed = [props for props in groups if not props.get("ingress") and not props.get("egress")]
    vpcs = [one for one in everything if one.type == VPC]
    return "" if len(closed) >= len(vpcs) else "its default security group is left as AWS makes it, open inside"


def _address(_: Resource, __: Sequence[Resource]) -> str:
    return "an elastic address costs money and stays when nothing has it"


_FLOWS = "only the ranges of `allowedCidrs`, which `allowPublic` alone opens to all"
RULES = (
    Rule(
        name="default-group-closed",
        ids=("EC2.2", "CKV2_AWS_12"),
        text="The default security group of a VPC that the program makes has no rules: `infra/network.py`",
        types=(VPC,),
        whole=True,
        wrong=_default_group,
    ),
    Rule(
        name="ssh-not-public",
        ids=("EC2.13", "CKV_AWS_24"),
        text=f"SSH is open to nobody at large: {_FLOWS}",
        types=(INGRESS,),
        wrong=_open(SSH),
    ),
    Rule(
        name="rdp-not-public",
        ids=("CKV_AWS_25",),
        text="Nor is Windows' remote desktop",
        types=(INGRESS,),
        wrong=_open(RDP),
    ),
    Rule(name="http-not-public", ids=("CKV_AWS_260",), text="Nor is port 80", types=(INGRESS,), wrong=_open(HTTP)),
    Rule(
        name="nothing-public",
        ids=("EC2.18", "EC2.19"),
        text=f"No port at all is open to the internet: {_FLOWS}",
        types=(INGRESS,),
        wrong=_open_at_all,
    ),
    Rule(
        name="no-rule-for-all-ports",
        ids=("CKV_AWS_277",),
        text="A rule lets one port in (`infra/access.py`), or the boxes of a stack to each other (`infra/peers.py`)",
        types=(INGRESS,),
        wrong=_all_ports,
    ),
    Rule(
        name="groups-described",
        ids=("CKV_AWS_23",),
        text="Groups and rules say what they are for: `infra/access.py`",
        types=(GROUP, INGRESS, EGRESS),
        wrong=_undescribed,
    ),
    Rule(
        name="rules-apart",
        ids=("CKV_AWS_23",),
        text="A rule is a resource of its own, so that these rules see it: `infra/access.py`",
        types=(GROUP,),
        wrong=_rules_inside,
    ),
    Rule(
        name="groups-in-use",
        ids=("EC2.22", "CKV2_AWS_5"),
        text="A security group is that of an instance: `infra/box.py`",
        types=(GROUP,),
        whole=True,
        wrong=_unattached,
    ),
    Rule(
        name="no-elastic-address",
        ids=("EC2.12",),
        text="There is no elastic address that could be left over: a box has one from its subnet",
        types=(ADDRESS,),
        wrong=_address,
    ),
)
