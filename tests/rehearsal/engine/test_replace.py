"""The two orders of a replacement, and what it takes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins

CHAIN = """
a = Thing('a', fixed={n})
b = Thing('b', fixed_a=a.serial)
c = Thing('c', fixed_b=b.serial)
d = Thing('d', plain=a.serial)
e = Thing('e')
"""


def test_create_before_delete_is_the_default(lab: Lab) -> None:
    lab.up(CHAIN.format(n=1).replace("fixed_", "other_"))
    lab.rules()
    result = lab.up(CHAIN.format(n=2).replace("fixed_", "other_"))
    assert result.counts == {"replaced": 1, "updated": 2, "unchanged": 3}
    assert lab.changes[0] == "Create a"
    assert lab.changes[-1] == "Delete a"
    assert set(lab.changes[1:-1]) == {"Update b", "Update d"}
    for row in ("++ lab:index:Thing a created replacement", "+- lab:index:Thing a", "-- lab:index:Thing a delet"):
        assert row in result.text
    assert set(lab.objects) == {"a", "b", "c", "d", "e"}


def test_a_chain_that_must_follow_is_replaced_link_by_link(lab: Lab) -> None:
    lab.up(CHAIN.format(n=1))
    lab.rules()
    assert lab.up(CHAIN.format(n=2)).counts == {"replaced": 3, "updated": 1, "unchanged": 2}
    creates = [c for c in lab.changes if c.startswith("Create")]
    assert creates == ["Create a", "Create b", "Create c"]
    assert lab.changes[-3:] == ["Delete c", "Delete b", "Delete a"]
    assert set(lab.objects) == {"a", "b", "c", "d", "e"}


def test_delete_before_replace_takes_the_dependents_that_must_follow(lab: Lab) -> None:
    first = CHAIN.replace("fixed={n})", "fixed={n}, opts=Opts(delete_before_replace=True))")
    lab.up(first.format(n=1))
    lab.rules()
    assert lab.preview(first.format(n=2)).counts == {"replace": 3, "update": 1, "unchanged": 2}
    lab.rules()
    assert lab.up(first.format(n=2)).counts == {"replaced": 3, "updated": 1, "unchanged": 2}
    assert lab.changes[:4] == ["Delete c", "Delete b", "Delete a", "Create a"]
    assert set(lab.changes[4:]) == {"Create b", "Create c", "Update d"}
    assert lab.changes.index("Create b") < lab.changes.index("Create c")
    assert set(lab.objects) == {"a", "b", "c", "d", "e"}
    lab.run("preview", "--expect-no-changes")


def test_the_provider_may_ask_for_it_and_the_user_may_refuse(lab: Lab) -> None:
    lab.up("Thing('a', fixed=1, dbr=True)\nThing('b', fixed=1, dbr=True, opts=Opts(delete_before_replace=False))")
    lab.rules()
    lab.up("Thing('a', fixed=2, dbr=True)\nThing('b', fixed=2, dbr=True, opts=Opts(delete_before_replace=False))")
    assert lab.changes.index("Delete a") < lab.changes.index("Create a")
    assert lab.changes.index("Create b") < lab.changes.index("Delete b")


def test_the_old_object_that_could_not_be_deleted_goes_next_time(lab: Lab) -> None:
    lab.up("Thing('a', fixed=1)")
    lab.rules({"method": "Delete", "error": "busy"})
    lab.up("Thing('a', fixed=2)", code=1)
    assert set(lab.objects) == {"a", "a+"}
    lab.rules()
    lab.up()
    assert lab.changes == ["Delete a"]
    assert lab.objects == {"a": {"fixed": 2, "size": 1}}


def test_a_retained_original_stays(lab: Lab) -> None:
    lab.up("Thing('a', fixed=1, opts=Opts(retain_on_delete=True))")
    lab.up("Thing('a', fixed=2, opts=Opts(retain_on_delete=True))")
    assert set(lab.objects) == {"a", "a+"}
    assert lab.resource("a")["inputs"]["fixed"] == 2
