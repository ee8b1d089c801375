"""All resource types of the stand-in, by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.provider import (
    budget_actions,
    budgets,
    cloudwatch,
    ebs,
    ec2_access,
    ec2_compute,
    ec2_network,
    ec2_routes,
    ec2_rules,
    ec2_tag,
    iam,
    scheduler,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.provider.model import Kind

_EC2 = (ec2_network, ec2_routes, ec2_access, ec2_rules, ec2_tag, ec2_compute, ebs)

_OTHERS = (iam, budgets, budget_actions, scheduler, cloudwatch)

KINDS: Mapping[str, Kind] = {token: kind for module in (*_EC2, *_OTHERS) for token, kind in module.KINDS.items()}
