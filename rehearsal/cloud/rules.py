"""Security groups as a machine room takes them: who may reach which ports of a box."""

from __future__ import annotations

from typing import Any

from rehearsal.hypervisor import Rule

ALL_PORTS = (0, 65535)


def ingress(instance: Any) -> tuple[Rule, ...]:
    """Return what an instance's groups let in, sorted; a group as a source is its members' private addresses."""
    allowed = {
        Rule(protocol=rule.ip_protocol, first=first, last=last, cidr=cidr)
        for group in instance.security_groups
        for rule in group.ingress_rules
        for first, last in [ALL_PORTS if rule.from_port is None else (rule.from_port, rule.to_port)]
        for cidr in _sources(rule, instance.ec2_backend)
    }
    return tuple(sorted(allowed, key=lambda rule: (rule.protocol, rule.first, rule.last, rule.cidr)))


def _sources(rule: Any, backend: Any) -> list[str]:
    """Return the IPv4 ranges that a rule lets in."""
    if rule.cidr_ipv4:
        return [rule.cidr_ipv4]
    named = (rule.source_group or {}).get("GroupId")
    members = [one for one in backend.all_instances() if named in {group.id for group in one.security_groups}]
    return [f"{one.private_ip}/32" for one in members if named and one.state != "terminated"]
