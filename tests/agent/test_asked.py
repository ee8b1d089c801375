"""What a request has to be is said twice, in types that do not travel and in checks that do: they agree."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

from provision.agent.asked import FIELDS
from provision.agent.verbs import Verb
from provision.agent.wire.requests import Request


def test_every_verb_is_checked_key_by_key() -> None:
    declared: dict[Verb, set[str]] = {}
    for kind in get_args(Request):
        hints: dict[str, Any] = get_type_hints(kind)
        verbs = get_args(hints["verb"])
        for verb in verbs:
            # The digest is for the command line: the bundle has its own.
            declared[verb] = hints.keys() - {"verb", "digest"}
    assert declared.keys() == set(Verb)
    assert {verb: set(fields) for verb, fields in FIELDS.items()} == declared
