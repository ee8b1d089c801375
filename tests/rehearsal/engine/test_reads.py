"""Objects that the program only reads, and what is managed and was changed by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins


def _reads(ident: str) -> str:
    return f"a = Thing('a', opts=Opts(id='{ident}'))\nThing('user', of=a.id)"


def test_to_read_what_was_managed_lets_go_of_it(lab: Lab) -> None:
    lab.up("a = Thing('a')\nThing('user', of=a.id)")
    lab.rules()
    ident = lab.resource("a")["id"]
    assert lab.preview(_reads(ident)).counts == {"read": 1, "unchanged": 2}
    assert lab.up(_reads(ident)).counts == {"read": 1, "unchanged": 2}
    assert lab.resource("a")["external"] is True
    assert lab.changes == []
    lab.run("preview", "--expect-no-changes")
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.changes == ["Delete user"]
    assert set(lab.objects) == {"a"}


def test_to_read_another_object_deletes_the_one_that_was_managed(lab: Lab) -> None:
    lab.up("Thing('other', opts=Opts(retain_on_delete=True))\na = Thing('a')\nThing('user', of=a.id)")
    other = lab.resource("other")["id"]
    lab.rules()
    lab.up(_reads(other))
    assert lab.resource("a")["id"] == other
    assert lab.changes == ["Update user", "Delete a"]
    assert set(lab.objects) == {"other", "user"}


def test_what_was_only_read_is_made_when_the_program_wants_its_own(lab: Lab) -> None:
    lab.up("Thing('other', opts=Opts(retain_on_delete=True))")
    other = lab.resource("other")["id"]
    lab.up(_reads(other))
    lab.rules()
    lab.up("a = Thing('a')\nThing('user', of=a.id)")
    assert lab.changes == ["Create a", "Update user"]
    assert set(lab.objects) == {"other", "a", "user"}


def test_up_with_refresh_makes_again_what_others_took_away(lab: Lab) -> None:
    lab.up("Thing('a')\nThing('b')")
    lab.rules()
    lab.object_file("a").unlink()
    assert lab.run("up", "--yes").counts == {"unchanged": 3}
    lab.run("up", "--yes", "--refresh")
    assert lab.changes == ["Create a"]
    assert set(lab.objects) == {"a", "b"}
    lab.run("preview", "-r", "--expect-no-changes")
