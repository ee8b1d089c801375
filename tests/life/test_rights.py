"""A user with the policies of docs/iam, from `up` by the verbs of `fab` to `destroy`, on a box; and none too many."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from infra.rights import BAKE, BOUNDED, BUDGET, FAB, LIMIT, LIMITS, STACK
from infra.rights.statement import Policy, Statement
from rehearsal.cloud import permissions
from rehearsal.site import Site
from rehearsal.user import User
from tests.kit.person import denied, new_person, new_policy, wishes
from tests.kit.wait import until

CONFIG = {
    "recipe": "base",
    "jobVolumeGib": "1",
    "maxHours": "5",
    "budgetMonthlyUsd": "50",
    "budgetEmail": "me@example.com",
    "budgetAction": "stop",
}
GIVEN = (STACK, BOUNDED, FAB, LIMITS, BUDGET, BAKE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limited(Site):
    """A site whose commands act as a user of the account."""

    keys: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """The environment with the user's keys."""
        return {**super().env, **self.keys}


@pytest.fixture(scope="module")
def needed(user: User) -> list[dict[str, Any]]:
    """All that the user needed to be allowed in a life of a box."""
    cloud = user.cloud
    boundary = new_policy(cloud, "gpurig-boundary", LIMIT.document())
    site = Limited(**vars(user.site), keys=new_person(cloud, GIVEN))
    person = User(site, user.project)
    person.config("permissionsBoundary", boundary)
    person.pulumi("config", "set", "aws:defaultTags", '{"tags": {"team": "vision", "gone": "soon"}}')
    person.up()
    person.fab("setup-base")
    for words in (["offers"], ["cost"], ["orphans"], ["status"], ["volume-status"]):
        person.fab(*words)
    _jobs(person)
    _bakes(person)
    _power(person)
    _changes(person)
    person.destroy()
    assert not denied(cloud)
    return wishes(cloud)


def _jobs(person: User) -> None:
    """Snapshot, prune, restore."""
    person.on_box("echo precious > /jobs/precious")
    person.fab("volume-snapshot")
    person.fab("volume-snapshot", "--keep", "1")
    person.fab("volume-restore", "--path", "precious")


def _bakes(person: User) -> None:
    """Make an image, and another one in its place."""
    person.fab("bake")
    person.fab("bake", "--keep", "1")


def _power(person: User) -> None:
    """Move the end, switch off and on."""
    person.fab("extend", "1h")
    person.fab("stop", "--yes")
    person.fab("start")


def _changes(person: User) -> None:
    """Change what can be changed in place; a boundary that somebody took off comes back."""
    iam = person.cloud.client("iam")
    (box,) = (role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("box-role"))
    iam.delete_role_permissions_boundary(RoleName=box)
    person.pulumi("config", "set", "aws:defaultTags", '{"tags": {"team": "vision"}}')
    person.config("jobVolumeGib", "2")
    person.config("instanceType", "g4dn.2xlarge")
    person.config("allowedCidrs", "198.18.0.0/15")
    person.pulumi("up", "--yes", "--refresh")
    until(lambda: person.on_box("true") == "", 60)


def test_a_life_needs_nothing_that_the_policies_do_not_give(needed: list[dict[str, Any]]) -> None:
    assert {"ec2:RunInstances", "iam:PassRole", "ec2:CreateImage"} <= {wish["action"] for wish in needed}


def _allows(statements: list[Statement], wish: dict[str, Any]) -> bool:
    return permissions.allows([one.document("aws") for one in statements], permissions.Wish(**wish))


@pytest.mark.parametrize("policy", GIVEN, ids=lambda policy: policy.name)
def test_no_action_is_given_without_need(needed: list[dict[str, Any]], policy: Policy) -> None:
    for statement in policy.statements:
        met = {wish["action"] for wish in needed if _allows([statement], wish)}
        unmet = {action for action in statement.actions if not action.endswith("*")} - met
        assert unmet == set(statement.unseen), statement.sid


@pytest.mark.parametrize("policy", GIVEN, ids=lambda policy: policy.name)
def test_no_statement_repeats_the_others_of_its_policy(needed: list[dict[str, Any]], policy: Policy) -> None:
    for statement in policy.statements:
        others = [other for other in policy.statements if other is not statement]
        alone = [wish for wish in needed if _allows([statement], wish) and not _allows(others, wish)]
        assert alone or statement.unseen.keys() == set(statement.actions), statement.sid
