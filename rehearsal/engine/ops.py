"""The kinds of steps that a deployment takes."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Op:
    """A kind of step: its sign, its name in a preview, while it runs, when it is done."""

    sign: str
    plan: str
    doing: str
    done: str
    pending: str = ""
    """What the state calls it while it runs; empty where no provider is asked to change anything."""


SAME = Op("", "", "", "")
CREATE = Op("+", "create", "creating", "created", "creating")
UPDATE = Op("~", "update", "updating", "updated", "updating")
DELETE = Op("-", "delete", "deleting", "deleted", "deleting")
READ = Op(">", "read", "reading", "read", "reading")
REPLACE = Op("+-", "replace", "replacing", "replaced")
CREATE_REPLACEMENT = Op("++", "create replacement", "creating replacement", "created replacement", "creating")
DELETE_REPLACED = Op("--", "delete original", "deleting original", "deleted original", "deleting")
