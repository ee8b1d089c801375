"""Property paths and durations, as commands and options write them."""

from __future__ import annotations

import pytest

from rehearsal.engine.errors import EngineError
from rehearsal.engine.goal import seconds
from rehearsal.engine.paths import parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('a["b.c"]', ("a", "b.c")),
        (r'a["b\"c"]', ("a", 'b"c')),
    ],
)
def test_parse(text: str, parts: tuple[str | int, ...]) -> None:
    assert parse(text) == parts


@pytest.mark.parametrize("text", ["a[", "a[x]", 'a["b', "a..b"])
def test_a_malformed_path_names_its_column(text: str) -> None:
    with pytest.raises(ValueError, match="column"):
        parse(text)


@pytest.mark.parametrize(("text", "number"), [("90s", 90), ("1h30m", 5400), ("1.5m", 90), ("500ms", 0.5)])
def test_seconds(text: str, number: float) -> None:
    assert seconds(text) == number


@pytest.mark.parametrize("text", ["", "90", "1d", "s"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(EngineError, match="not a duration"):
        seconds(text)
