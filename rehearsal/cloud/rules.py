"""Security groups as a machine room takes them: who may reach which ports of a box."""

from __future__ import annotations

from typing import Any

from rehearsal.hypervisor import Rule

ALL_PORTS = (0, 65535)


def ingress(instance: Any) -> tuple[Rule, ...]:
    """Return what an instance's groups let in, sorted; a source that is no IPv4 range lets nothing in."""
    allowed = {
        Rule(protocol=rule.ip_protocol, first=first, last=last, cidr=rule.cidr_ipv4)
        for group in instance.security_groups
        for rule in group.ingress_rules
        for first, last in [ALL_PORTS if rule.from_port is None else (rule.from_port, rule.to_port)]
        if rule.cidr_ipv4
    }
    return tuple(sorted(allowed, key=lambda rule: (rule.protocol, rule.first, rule.last, rule.cidr)))
