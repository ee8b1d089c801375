"""Who a stack is: an id of its own, made at its first `pulumi up`, and whoever made it. The names of both say neither.

Two people in one account may each have a project gpurig with a stack dev. What AWS has of them differs in this alone.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from provision.model.tags import MADE_BY, STACK_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

STASH, NAME = "pulumi:index:Stash", "identity"
"""Type and name of the resource that keeps it in the state: there before all that AWS makes, and after it."""
STASHES = (3, 208)
"""The first release of Pulumi's engine that has them, by its changelog."""
_MADE_UP = re.compile(r"(botocore-session|aws-go-sdk|aws-sdk-js-session|AWSCLI-Session)-?[0-9]*")
"""Names of sessions that AWS's programs make up anew for each: they tell nobody from anybody."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """What tells a stack from others of its name."""

    id: str
    """12 hexadecimal digits."""
    made_by: str
    """Who made it, as `maker` writes them."""

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that it makes."""
        return {STACK_ID: self.id, MADE_BY: self.made_by}


def in_state(deployment: Mapping[str, Any]) -> Identity | None:
    """Return that of a stack whose state this is (`deployment` of `pulumi stack export`); None before its first up."""
    for row in deployment.get("resources") or ():
        if row["type"] == STASH and row["urn"].endswith(f"::{NAME}") and not row.get("delete"):
            return stashed(row["outputs"]["output"])
    return None


def stashed(kept: Mapping[str, str]) -> Identity:
    """Return the identity that a state keeps."""
    return Identity(id=kept["id"], made_by=kept["madeBy"])


def to_stash(identity: Identity) -> dict[str, str]:
    """Return an identity as a state keeps it."""
    return {"id": identity.id, "madeBy": identity.made_by}


def maker(arn: str) -> str:
    """Return who an ARN of `sts:GetCallerIdentity` is; of a session whose name was made up it is the role's."""
    place, _, session = arn.rpartition("/")
    return place if ":assumed-role/" in arn and _MADE_UP.fullmatch(session) else arn
