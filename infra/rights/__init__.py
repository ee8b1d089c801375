"""The least policies by which a user of the account may do what this project does, each with its reasons.

`make pages` writes docs/iam from them; the rehearsal's cloud holds users to them in the tests.
"""

from __future__ import annotations

from infra.rights.fab import BAKE, BUCKET, BUDGET, BUILDS, FAB, LIMITS, SESSIONS
from infra.rights.roles import BOUNDED, FREE, LIMIT
from infra.rights.stack import STACK

POLICIES = (STACK, FREE, BOUNDED, LIMIT, FAB, SESSIONS, LIMITS, BUDGET, BAKE, BUILDS, BUCKET)
"""Every one of them."""

__all__ = [
    "BAKE",
    "BOUNDED",
    "BUCKET",
    "BUDGET",
    "BUILDS",
    "FAB",
    "FREE",
    "LIMIT",
    "LIMITS",
    "POLICIES",
    "SESSIONS",
    "STACK",
]
