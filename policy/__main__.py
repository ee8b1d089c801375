"""The policy pack: each rule of infra/policy as a policy, by which Pulumi's CLI refuses a stack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy

sys.path.insert(0, str(Path(__file__).parents[1]))

from infra.policy import RULES
from infra.policy.rule import Resource, findings

if TYPE_CHECKING:
    from pulumi_policy import Policy, ReportViolation, ResourceValidationArgs, StackValidationArgs

    from infra.policy.rule import Rule


def one(rule: Rule) -> Policy:
    """Return a rule that is about one resource: it is asked before that is made."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        for finding in findings([rule], [Resource(type=args.resource_type, name=args.name, props=args.props)]):
            report(str(finding), None)

    return ResourceValidationPolicy(name=rule.name, description=rule.text, validate=validate)


def whole(rule: Rule) -> Policy:
    """Return a rule that is about all resources together."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        resources = [Resource(type=found.resource_type, name=found.name, props=found.props) for found in args.resources]
        for finding in findings([rule], resources):
            report(str(finding), None)

    return StackValidationPolicy(name=rule.name, description=rule.text, validate=validate)


PolicyPack(
    name="gpurig",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[whole(rule) if rule.whole else one(rule) for rule in RULES],
)
