"""Security groups as a machine room takes them: who may reach which ports of a box."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.hypervisor import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL_PORTS = (0, 65535)


def ingress(instance: Any, addresses: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return what an instance's groups let in, sorted; a group as source stands for its members' addresses.

    `addresses` are those of all boxes by instance id. IPv6 ranges and prefix lists let nothing in: no box has such an
    address.
    """
    rules = (rule for group in instance.security_groups for rule in group.ingress_rules)
    allowed = {
        Rule(protocol=rule.ip_protocol, first=first, last=last, cidr=cidr)
        for rule in rules
        for first, last in [ALL_PORTS if rule.from_port is None else (rule.from_port, rule.to_port)]
        for cidr in _sources(rule, instance.ec2_backend, addresses)
    }
    return tuple(sorted(allowed, key=lambda rule: (rule.protocol, rule.first, rule.last, rule.cidr)))


def _sources(rule: Any, backend: Any, addresses: Mapping[str, str]) -> list[str]:
    if rule.cidr_ipv4:
        return [rule.cidr_ipv4]
    group_id = rule.source_group.get("GroupId")
    members = (one for one in backend.all_instances() if any(group.id == group_id for group in one.security_groups))
    return [f"{addresses[member.id]}/32" for member in members if member.id in addresses]
