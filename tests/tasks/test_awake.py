"""What `fab status` and `fab keep-awake` say of a box's guard, and lengths of time as a user types them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from provision.model.words import seconds_of
from provision.tasks.awake import shown
from tests.kit.fab import refused

NOW = time.mktime((2027, 1, 15, 14, 30, 0, 0, 0, -1))
"""Half past two in the afternoon, wherever this runs."""
HOUR = 3600
GUARD: Any = {
    "there": True,
    "looked": NOW - 30,
    "busy": [],
    "idle_since": None,
    "idle_minutes": 120,
    "awake_until": None,
    "lifetime_until": None,
    "stops_at": None,
}


@pytest.mark.parametrize(
    ("guard", "lines"),
    [
        ({"busy": ["run train-1 computes"]}, ["awake: run train-1 computes; would stop 120 min after it ends"]),
        ({"idle_since": NOW - HOUR, "stops_at": NOW + HOUR}, ["idle since 13:30, stops at 15:30"]),
        (
            {"idle_since": NOW - HOUR, "awake_until": NOW + 2 * HOUR, "stops_at": NOW + 2 * HOUR},
            ["idle since 13:30, stops at 16:30", "kept awake until 16:30"],
        ),
        (
            {"busy": ["a setup goes on", "b"], "lifetime_until": NOW + 24 * HOUR},
            [
                "awake: a setup goes on; b; would stop 120 min after it ends",
                "stops at 2027-01-16 14:30 whatever it does",
            ],
        ),
        ({"looked": None}, ["the guard has not looked yet; it does every minute"]),
        ({"looked": NOW - HOUR}, ["the guard has not looked since 13:30: systemctl status gpurig-guard"]),
        (
            {"idle_minutes": 0, "idle_since": NOW},
            ["idle since 14:30", "it does not stop when it is idle: idleStopMinutes is 0"],
        ),
        ({"there": False}, ["it stops neither when it is idle nor after a time"]),
    ],
)
def test_a_guard_in_words(guard: Any, lines: list[str]) -> None:
    seen: Any = {**GUARD, **guard}
    assert list(shown(seen, NOW)) == lines


def test_lengths_of_time() -> None:
    assert [seconds_of(text) for text in ("90m", "2h", "1.5d")] == [5400, 7200, 129600]


@pytest.mark.parametrize("words", [["2"], ["0m"], ["31d"], ["2hours"], ["2h", "--off"]])
def test_what_is_no_length_of_time_is_refused(tmp_path: Path, words: list[str]) -> None:
    assert "keep-awake" in refused(tmp_path, "keep-awake", *words)
