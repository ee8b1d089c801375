"""All resource types of the stand-in, by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.provider import budgets, ebs, ec2_access, ec2_compute, ec2_network, ec2_routes, ec2_rules, ec2_tag, iam

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.provider.model import Kind

KINDS: Mapping[str, Kind] = {
    token: kind
    for module in (ec2_network, ec2_routes, ec2_access, ec2_rules, ec2_tag, ec2_compute, ebs, iam, budgets)
    for token, kind in module.KINDS.items()
}
