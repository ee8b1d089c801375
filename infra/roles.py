"""A role of AWS's own services, as the program makes every one of its own."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

PATH = "/gpurig/"
"""Of every role and instance profile: a policy names them by it, and no others (docs/iam.md)."""

# Of a stack that was made before they had a path: another one would replace the role, and a schedule's with it.
_KEPT = ["path"]


def options(parent: pulumi.Resource) -> pulumi.ResourceOptions:
    """Return the options of a role or profile below a component."""
    return pulumi.ResourceOptions(parent=parent, ignore_changes=_KEPT)


def role(name: str, trust: str, boundary: str, parent: pulumi.Resource) -> aws.iam.Role:
    """Return a role that those may take on whom `trust` names, and that `boundary` limits, a policy's ARN or ""."""
    return aws.iam.Role(
        name, path=PATH, assume_role_policy=trust, permissions_boundary=boundary or None, opts=options(parent)
    )
