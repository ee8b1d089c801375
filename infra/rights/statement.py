"""One statement of the policies of docs/iam, with the reason for it."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from provision.model.tags import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EVERYTHING = ("*",)
NAME = "gpurig"
"""The project's name in Pulumi.yaml, which is the value of its tag."""
OURS: Mapping[str, Mapping[str, Any]] = {"StringEquals": {f"aws:ResourceTag/{PROJECT}": NAME}}
"""What carries the project's tag."""
MADE: Mapping[str, Mapping[str, Any]] = {"StringEquals": {f"aws:RequestTag/{PROJECT}": NAME}}
"""What is made with the project's tag."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """Some rights that are given together."""

    sid: str
    """Letters and digits, one of a kind in its policy."""
    why: str
    """What it is for, and why it is no narrower."""
    actions: Sequence[str]
    resources: Sequence[str] = EVERYTHING
    """ARNs without "arn:" and the partition: `ec2:*:*:vpc/*`."""
    when: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Conditions."""
    unseen: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Actions of these that no rehearsal needs, each with the reason why AWS does."""

    def document(self, partition: str) -> dict[str, Any]:
        """Return it as IAM writes it."""
        resources = [name if name == "*" else f"arn:{partition}:{name}" for name in self.resources]
        written = {"Sid": self.sid, "Effect": "Allow", "Action": sorted(self.actions), "Resource": resources}
        return {**written, "Condition": self.when} if self.when else written


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """Rights for one purpose."""

    name: str
    """Of its file in docs/iam, without .json."""
    purpose: str
    statements: Sequence[Statement]

    @property
    def actions(self) -> set[str]:
        """All that it allows."""
        return {action for statement in self.statements for action in statement.actions}

    def document(self, partition: str = "aws") -> dict[str, Any]:
        """Return it as IAM takes it."""
        return {"Version": "2012-10-17", "Statement": [one.document(partition) for one in self.statements]}

    def text(self) -> str:
        """Return it as a file."""
        return json.dumps(self.document(), indent=2) + "\n"
