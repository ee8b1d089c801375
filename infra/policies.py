"""The form that IAM wants policies in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from provision.model.partitions import principal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Statement = Mapping[str, Any]


def policy(statements: Sequence[Statement]) -> str:
    """Return a policy of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str, partition: str, condition: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return who may take a role on: a service of AWS ("ec2"), under a condition where there is one."""
    who = {"Effect": "Allow", "Principal": {"Service": principal(service, partition)}, "Action": "sts:AssumeRole"}
    return policy([{**who, "Condition": condition} if condition else who])
