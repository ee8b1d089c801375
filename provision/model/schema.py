"""Say what is wrong with a table of a TOML file, all at once, in the file's own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provision.model.urls import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Check = tuple[str, Callable[[Any], bool]]

STRING: Check = ("a string", lambda v: isinstance(v, str))
STRINGS: Check = ("a list of strings", lambda v: isinstance(v, list) and all(isinstance(i, str) for i in v))
PORTS: Check = ("a list of port numbers", lambda v: isinstance(v, list) and all(type(i) is int for i in v))
NUMBER: Check = ("a number, zero or more", lambda v: type(v) in (int, float) and v >= 0)
FLAG: Check = ("true or false", lambda v: isinstance(v, bool))
TABLES: Check = (
    "a list of tables of strings",
    lambda v: (
        isinstance(v, list)
        and all(isinstance(row, dict) and all(isinstance(i, str) for i in row.values()) for row in v)
    ),
)
MODE: Check = ('an octal mode such as "0644"', lambda v: isinstance(v, str) and bool(re.fullmatch("0?[0-7]{3}", v)))
ANY: Check = ("anything", lambda _: True)


def plain(text: object) -> str:
    """Return text as an error may show it: on one line, nothing in it that a terminal obeys, without passwords."""
    return masked("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)))


def mismatches(table: Mapping[str, Any], schema: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return what is wrong with the keys of a table, and of the tables in it.

    A schema gives a check, or the schema of a table, for each key; its "*" stands for all other keys.
    """
    problems = []
    for key, value in table.items():
        expected = schema.get(key, schema.get("*"))
        if expected is None:
            problems.append(f'unknown key "{plain(prefix + key)}"; allowed: {", ".join(sorted(schema))}')
        elif isinstance(expected, dict) and isinstance(value, dict):
            problems += mismatches(value, expected, f"{prefix}{key}.")
        elif isinstance(expected, dict) or not expected[1](value):
            allowed = "a table" if isinstance(expected, dict) else expected[0]
            problems.append(f'"{plain(prefix + key)}" has to be {allowed}')
    return problems
