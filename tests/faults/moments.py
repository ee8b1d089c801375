"""All moments, in the order in which a user comes to them."""

from __future__ import annotations

from tests.faults import account_moments, box_moments

MOMENTS = {
    "up": account_moments.MOMENTS["up"],
    **box_moments.MOMENTS,
    "destroy": account_moments.MOMENTS["destroy"],
}
