"""Property paths and durations, as options write them."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.engine.errors import EngineError
from rehearsal.engine.goal import seconds
from rehearsal.engine.paths import contains, parse, reset
from rehearsal.engine.values import Secret


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('a["b.c"]', ("a", "b.c")),
        (r'a["b\"c"]', ("a", 'b"c')),
        ("*", ("*",)),
        ("a[*].b", ("a", "*", "b")),
    ],
)
def test_parse(text: str, parts: tuple[str | int, ...]) -> None:
    assert parse(text) == parts


@pytest.mark.parametrize("text", ["a[", "a[x]", 'a["b', "a..b"])
def test_a_malformed_path_names_its_column(text: str) -> None:
    with pytest.raises(ValueError, match="column"):
        parse(text)


@pytest.mark.parametrize(
    ("outer", "inner", "yes"),
    [
        ("a", "a.b", True),
        ("a.b", "a", False),
        ("*", "x.y", True),
        ("a[*].c", "a[3].c.d", True),
        ("a[1]", "a[2]", False),
    ],
)
def test_contains(outer: str, inner: str, yes: bool) -> None:
    assert contains(parse(outer), parse(inner)) is yes


@pytest.mark.parametrize(
    ("path", "old", "new", "result"),
    [
        ("a", {"a": 1}, {"a": 2}, {"a": 1}),
        ("a", {}, {"a": 2}, {}),
        ("a", {"a": 1}, {}, {"a": 1}),
        ("a.b", {"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 2}}, {"a": {"b": 1, "c": 2}}),
        ("a.*", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 1}}),
        ("a[*].b", {"a": [{"b": 1}, {"b": 1}]}, {"a": [{"b": 2}]}, {"a": [{"b": 1}]}),
        ("a[1]", {"a": [1, 1]}, {"a": [2]}, {"a": [2]}),
        ("a.b", {"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ("a.b", {"a": Secret({"b": 1})}, {"a": {"b": 2}}, {"a": {"b": 1}}),
    ],
)
def test_reset(path: str, old: dict[str, Any], new: dict[str, Any], result: dict[str, Any]) -> None:
    before = repr(new)
    assert reset(new, old, (path,)) == result
    assert repr(new) == before


@pytest.mark.parametrize(("text", "number"), [("90s", 90), ("1h30m", 5400), ("1.5m", 90), ("500ms", 0.5)])
def test_seconds(text: str, number: float) -> None:
    assert seconds(text) == number


@pytest.mark.parametrize("text", ["", "90", "1d", "s"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(EngineError, match="not a duration"):
        seconds(text)
