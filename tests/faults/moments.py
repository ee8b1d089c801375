"""All moments, in the order in which a user comes to them."""

from __future__ import annotations

from tests.faults import account_moments, box_moments, run_moments

MOMENTS = {
    "up": account_moments.MOMENTS["up"],
    "setup": box_moments.MOMENTS["setup"],
    "run": run_moments.MOMENTS["run"],
    "fetch": run_moments.MOMENTS["fetch"],
    "find": box_moments.MOMENTS["find"],
    "stop": box_moments.MOMENTS["stop"],
    "start": box_moments.MOMENTS["start"],
    "resume": run_moments.MOMENTS["resume"],
    "destroy": account_moments.MOMENTS["destroy"],
}
