"""What a rule is: something that must not be wrong with the resources of a program, and the scanners' ids for it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Wrong = Callable[["Resource", Sequence["Resource"]], str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource as a program declares it."""

    type: str
    """Its token: aws:ec2/instance:Instance."""
    name: str
    props: Mapping[str, Any]
    """Its arguments, named as Pulumi's engine names them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that a resource breaks."""

    rule: Rule
    resource: Resource
    problem: str

    def __str__(self) -> str:
        return f"{self.resource.type} {self.resource.name}: {self.problem} ({', '.join(self.rule.ids)})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """Something that holds for every resource of some types."""

    name: str
    """Letters, digits and hyphens, as Pulumi wants the name of a policy."""
    ids: Sequence[str]
    """EC2.… of AWS Foundational Security Best Practices, CKV… of Checkov."""
    text: str
    """What holds, and where it is decided that it does."""
    types: Sequence[str]
    """Tokens; nothing of other types breaks it."""
    whole: bool = False
    """Whether it needs all resources of the program, and so holds only once they are all declared."""
    wrong: Wrong
    """Return what is wrong with a resource, among all of its program; "" where nothing is."""

    def check(self, resource: Resource, everything: Sequence[Resource]) -> Finding | None:
        """Return what is wrong with a resource; None where nothing is, or where the rule is not about it."""
        problem = self.wrong(resource, everything) if resource.type in self.types else ""
        return Finding(rule=self, resource=resource, problem=problem) if problem else None


def findings(rules: Iterable[Rule], resources: Sequence[Resource]) -> list[Finding]:
    """Return all that rules find in a program's resources."""
    found = (rule.check(resource, resources) for rule in rules for resource in resources)
    return [finding for finding in found if finding is not None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unheld:
    """Ids that the program does not hold to, on purpose."""

    ids: Sequence[str]
    asks: str
    """What a scanner wants."""
    why: str
    """Why it is not so, and what is in its place."""
