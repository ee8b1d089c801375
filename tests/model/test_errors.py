"""The errors: what a user reads, and what a script that calls us gets."""

from __future__ import annotations

import pytest

from provision.model import errors
from provision.model.errors import BadInput, GpurigError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, GpurigError)]


def test_every_kind_has_an_exit_code_of_its_own() -> None:
    # What is not on this host is a wrong word; a run ends with the code that it has itself.
    codes = [kind.exit_code for kind in KINDS if kind not in (errors.NotHere, errors.RunFailed)]
    assert errors.NotHere.exit_code == BadInput.exit_code
    assert len(codes) == 7
    assert len(set(codes)) == len(codes)
    assert all(0 < code < 125 for code in codes), "125 and up are the shell's own"


@pytest.mark.parametrize(
    ("what", "hint", "text"),
    [
        ("gone", "", "gone"),
        ("gone", "look there", "gone\n       look there"),
        ("one\ntwo", "three\nfour", "one\n       two\n       three\n       four"),
    ],
)
def test_a_message_stands_straight_under_error(what: str, hint: str, text: str) -> None:
    error = GpurigError(what, hint=hint)
    assert str(error) == text
    lines = f"error: {error}".splitlines()
    assert all(line.startswith(" " * len("error: ")) for line in lines[1:])


def test_bad_input_carries_every_problem() -> None:
    error = BadInput((problem for problem in ("a is wrong", "b is wrong")), hint="fix both")
    assert error.problems == ("a is wrong", "b is wrong")
    assert str(error).split() == ["a", "is", "wrong", "b", "is", "wrong", "fix", "both"]
