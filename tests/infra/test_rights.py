"""The policies of docs/iam are enough to make and destroy a stack, below a boundary, with ceiling and budget."""

from __future__ import annotations

from pathlib import Path

from infra.rights import BOUNDED, BUDGET, LIMIT, LIMITS, POLICIES, STACK
from tests.infra.stack import SETTINGS, open_stack
from tests.kit.person import denied, new_person, new_policy

FIGURES = {"maxHours": "5", "budgetMonthlyUsd": "50", "budgetEmail": "me@example.com", "budgetAction": "stop"}


def test_a_stack_comes_and_goes_by_the_policies_and_below_a_boundary_alone(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        boundary = new_policy(stack.cloud, "gpurig-boundary", LIMIT.document())
        stack.env |= new_person(stack.cloud, (STACK, BOUNDED, LIMITS, BUDGET))
        for name, value in {**SETTINGS, **FIGURES}.items():
            stack.pulumi("config", "set", f"gpurig:{name}", value)
        said = stack.refused("up", "--yes", "--skip-preview")
        assert "not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/gpurig/" in said
        assert set(denied(stack.cloud)) == {"iam:CreateRole"}
        stack.cloud.reset()
        stack.up(permissionsBoundary=boundary)
        roles = stack.cloud.client("iam").list_roles(PathPrefix="/gpurig/")["Roles"]
        assert len(roles) == 3
        stack.pulumi("destroy", "--yes")
        assert not denied(stack.cloud)
        assert not stack.boxes()
        assert not stack.cloud.client("iam").list_roles(PathPrefix="/gpurig/")["Roles"]


def test_every_statement_has_a_reason_and_every_unseen_action_its_own() -> None:
    for policy in POLICIES:
        for statement in policy.statements:
            assert set(statement.unseen) <= set(statement.actions)
            assert all(statement.unseen.values())
            assert statement.why.endswith(".")
        sids = [statement.sid for statement in policy.statements]
        assert len(sids) == len(set(sids))
