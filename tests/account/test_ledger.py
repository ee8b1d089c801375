"""The ledger of the hours of an instance: what a tag can hold; no hour is counted twice, lost in silence or made up."""

from __future__ import annotations

import random
import re

import pytest

from provision.life.ledger import DAY, START_TAKES, VALUE_LIMIT, Ledger
from provision.model.tags import UPTIME

NOON = 1_795_000_000 // DAY * DAY + 12 * 3600
ALLOWED = re.compile(r"[\w .:/=+\-@]*")
"""What a tag's value may be made of."""


def dice_of(seed: int) -> random.Random:
    """Return what makes a test's lives up, the same ones each time."""
    return random.Random(seed)  # noqa: S311 - nothing secret


def again(ledger: Ledger) -> Ledger:
    """Return a ledger as the tag gives it back."""
    assert len(str(ledger)) <= VALUE_LIMIT
    assert ALLOWED.fullmatch(str(ledger))
    return Ledger.read({UPTIME: str(ledger)})


def lived(dice: random.Random, runs: int) -> tuple[Ledger, list[tuple[int, int]], int]:
    """Return the ledger of an instance that `fab` has started every time, its runs, and when it was started last."""
    ledger, spans, launched = Ledger(), [], NOON
    for _ in range(runs):
        stopped = launched + dice.randrange(0, 3 * DAY)
        now = stopped + dice.randrange(0, 5 * DAY)
        ledger = again(ledger.with_run(launched, stopped, now, NOON))
        spans.append((launched, stopped))
        launched = now + dice.randrange(1, START_TAKES)
    return ledger, spans, launched


@pytest.mark.parametrize("seed", range(40))
def test_every_second_counts_once_however_often_it_was_started(seed: int) -> None:
    dice = dice_of(seed)
    ledger, spans, launched = lived(dice, runs=seed)
    before = sum(end - begin for begin, end in spans)
    assert ledger.hours(launched, None) * 3600 == pytest.approx(before)
    assert ledger.hours(launched + 5400, launched) * 3600 == pytest.approx(before + 5400)
    assert ledger.gaps == 0
    assert not ledger.missed(launched, NOON)


@pytest.mark.parametrize("seed", range(40))
def test_noting_the_same_run_again_changes_no_hour(seed: int) -> None:
    dice = dice_of(seed)
    ledger, spans, launched = lived(dice, runs=1 + seed % 25)
    stopped = launched + dice.randrange(0, DAY)
    once = again(ledger.with_run(launched, stopped, stopped + 10, NOON))
    twice = again(once.with_run(launched, stopped, stopped + 9000, NOON))
    assert (twice.runs, twice.older, twice.gaps) == (once.runs, once.older, once.gaps)
    # A start that had to be tried for hours is still `fab`'s own.
    assert not twice.missed(stopped + 9000 + 60, NOON)
    # Noted, and not started yet: the run is in the ledger and not counted beside it.
    total = sum(end - begin for begin, end in [*spans, (launched, stopped)])
    assert twice.hours(stopped, launched) * 3600 == pytest.approx(total)


@pytest.mark.parametrize("seed", range(40))
def test_the_days_of_a_week_are_those_that_it_ran(seed: int) -> None:
    dice = dice_of(seed)
    ledger, spans, launched = lived(dice, runs=4)
    now = launched + dice.randrange(0, DAY)
    days = ledger.by_day(now, launched, since=NOON, until=now)
    assert sum(days.values()) == pytest.approx(sum(end - begin for begin, end in spans) + now - launched)
    assert all(0 <= seconds <= DAY for seconds in days.values())
    week = ledger.by_day(now, launched, since=now - 6 * DAY, until=now)
    assert week.items() <= days.items()


def test_a_tag_holds_the_runs_of_a_week_with_three_starts_a_day() -> None:
    ledger, launched = Ledger(), NOON
    for _ in range(200):
        ledger = again(ledger.with_run(launched, launched + 20_000, launched + 28_000, NOON))
        launched += 28_800
    assert len(ledger.runs) >= 18
    assert ledger.hours(launched, None) == pytest.approx(200 * 20_000 / 3600)


def test_what_nobody_wrote_down_is_said_and_never_counted_as_zero() -> None:
    first = NOON
    # Stopped and started in the console before there was a ledger; EC2 knows only the last start.
    assert Ledger().missed(first + DAY, first)
    assert not Ledger().missed(first + 20, first)
    assert not Ledger().missed(first + DAY)  # nobody says when it was made
    ledger = again(Ledger().with_run(first + DAY, first + DAY + 3600, first + 2 * DAY, first))
    assert (ledger.gaps, ledger.hours(first + 2 * DAY, None)) == (1, 1.0)
    # Started by `fab`, stopped and started in the console.
    assert ledger.missed(first + 4 * DAY, first)
    # Stopped, and AWS does not say when: noted twice, it is still one gap.
    for _ in range(2):
        ledger = again(ledger.with_run(first + 2 * DAY + 60, None, first + 3 * DAY, first))
    assert ledger.gaps == 2
    for number in range(30):  # also once that run is not listed any more
        began = first + (4 + number) * DAY
        ledger = again(ledger.with_run(began, began + 60, began + DAY - 60, first))
    assert ledger.gaps == 3


@pytest.mark.parametrize(
    "value", ["yes", "1 2", "1 a b c d", "2 0 0 0", "1 0 0 0 x+", "1 0 0 0 " + "z" * 99, "1 0 0 0\n"]
)
def test_a_value_of_somebody_elses_is_a_gap(value: str) -> None:
    ledger = Ledger.read({UPTIME: value})
    assert (ledger.gaps, ledger.hours(NOON, None)) == (1, 0.0)
    assert Ledger.read({"Name": "box"}) == Ledger()


def test_a_clock_that_is_behind_makes_no_negative_hours() -> None:
    assert Ledger().hours(NOON - 60, NOON) == 0
    assert Ledger().with_run(NOON, NOON - 5, NOON).hours(NOON, None) == 0
