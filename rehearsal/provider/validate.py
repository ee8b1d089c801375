"""What the official provider says about a value before it calls anything, and which spellings mean one value."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    WhyNot = Callable[[Any], str | None]


def one_of(*choices: str) -> WhyNot:
    """Allow these words only."""
    return lambda value: None if value in choices else f"expected to be one of {list(choices)}, got {value}"


def between(low: float, high: float) -> WhyNot:
    """Allow numbers from `low` to `high`."""
    return lambda value: None if low <= value <= high else f"expected to be in the range ({low} - {high}), got {value}"


def cidr(longest: int = 32, shortest: int = 0) -> WhyNot:
    """Allow an IPv4 block in its canonical form, of `shortest` to `longest` bits."""

    def why_not(value: str) -> str | None:
        try:
            block = ipaddress.IPv4Network(value)
        except ValueError as error:
            return f"{value!r} is not a valid IPv4 CIDR block: {error}"
        if shortest <= block.prefixlen <= longest:
            return None
        return f"expected a network of {shortest} to {longest} significant bits, got {value}"

    return why_not


def same_json(one: str, other: str) -> bool:
    """Tell whether two documents say the same, spaces and key order aside."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except (TypeError, ValueError):
        return one == other


def same_set(one: Any, other: Any) -> bool:
    """Tell whether two lists hold the same, order aside."""
    if not isinstance(one, list) or not isinstance(other, list):
        return bool(one == other)
    return len(one) == len(other) and all(one.count(part) == other.count(part) for part in one)


def same_digits(one: str, other: str) -> bool:
    """Tell whether two texts are equal but for zeros at their ends: "0.5" and "0.500000" are, "1" and "1.000000" not.

    It is how the official provider compares what spot may cost with EC2's six digits.
    """
    return one.rstrip("0") == other.rstrip("0")


def same_amount(one: str, other: str) -> bool:
    """Tell whether two numbers that travel as text are equal: AWS answers "50.0" to "50"."""
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other
