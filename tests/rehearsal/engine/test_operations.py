"""preview, up, refresh, destroy: what they do, say and exit with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins

TWO = "a = Thing('a', size=3)\nThing('b', other=a.serial)\npulumi.export('serial', a.serial)\n"


def test_a_stack_from_nothing_to_nothing(lab: Lab) -> None:
    planned = lab.preview(TWO)
    assert planned.counts == {"create": 3}
    assert "[unknown]" in planned.text
    assert lab.objects == {}
    done = lab.up()
    assert done.counts == {"created": 3}
    assert "Duration:" in done.text
    serial = lab.run("stack", "output", "serial").text.strip()
    assert lab.objects["b"] == {"size": 1, "other": serial}
    assert lab.run("preview", "--expect-no-changes").counts == {"unchanged": 3}
    assert lab.run("refresh", "--yes", "--expect-no-changes").counts == {"unchanged": 3}
    lab.rules()
    assert lab.run("up", "--yes", "--expect-no-changes").counts == {"unchanged": 3}
    assert lab.changes == []
    assert lab.run("destroy", "--yes").counts == {"deleted": 3}
    assert lab.objects == {}
    assert lab.latest.get("resources", []) == []


def test_up_shows_its_preview_first_and_the_rows_of_each_step(lab: Lab) -> None:
    lab.program(TWO)
    text = lab.run("up", "--yes").text
    assert text.index("Previewing update (dev):") < text.index("Updating (dev):")
    assert " +  lab:index:Thing a create" in text
    assert " +  lab:index:Thing a creating (0s)" in text
    assert " +  lab:index:Thing a created (" in text


def test_counts_of_every_kind_of_change(lab: Lab) -> None:
    lab.up("Thing('kept')\nThing('changed', size=1)\nThing('gone')\nThing('replaced', fixed=1)")
    new = "Thing('kept')\nThing('changed', size=2)\nThing('replaced', fixed=2)\nThing('new')"
    assert lab.preview(new).counts == {"create": 1, "update": 1, "delete": 1, "replace": 1, "unchanged": 2}
    done = lab.up()
    assert done.counts == {"created": 1, "updated": 1, "deleted": 1, "replaced": 1, "unchanged": 2}
    assert "4 changes. 2 unchanged" in done.text
    assert "[diff: ~size]" in done.text
    assert set(lab.objects) == {"kept", "changed", "replaced", "new"}


def test_expect_no_changes_exits_with_7(lab: Lab) -> None:
    lab.program(TWO)
    assert "no changes were expected for preview" in lab.run("preview", "--expect-no-changes", code=7).text
    assert lab.objects == {}
    assert "no changes were expected" in lab.run("up", "--yes", "--expect-no-changes", code=7).text
    assert set(lab.objects) == {"a", "b"}


def test_refresh_finds_drift_and_what_is_gone(lab: Lab) -> None:
    lab.up(TWO)
    lab.object_file("a").write_text('{"size": 9}')
    lab.object_file("b").unlink()
    found = lab.run("refresh", "--yes", "--expect-no-changes", code=7)
    assert found.counts == {"updated": 1, "deleted": 1, "unchanged": 1}
    assert lab.resource("a")["inputs"]["size"] == 9
    assert lab.up().counts == {"created": 1, "updated": 1, "unchanged": 1}
    assert lab.objects["a"]["size"] == 3
    lab.run("refresh", "--yes", "--expect-no-changes")


def test_what_depended_on_a_gone_resource_survives_a_refresh(lab: Lab) -> None:
    lab.up(TWO)
    lab.object_file("a").unlink()
    lab.run("refresh", "--yes")
    assert not [r for r in lab.latest["resources"] for d in r.get("dependencies", []) if d.endswith("::a")]
    lab.up()
    assert set(lab.objects) == {"a", "b"}


@pytest.mark.parametrize(("verb", "code"), [("up", 2), ("refresh", 1), ("destroy", 2)])
def test_without_consent_and_without_a_terminal_nothing_happens(lab: Lab, verb: str, code: int) -> None:
    lab.program(TWO)
    assert "--yes or --skip-preview must be passed in" in lab.run(verb, code=code).text
    assert lab.objects == {}


@standin_only
@pytest.mark.parametrize(("answers", "made"), [("details\nyes\n", {"a", "b"}), ("no\n", set())])
def test_on_a_terminal_the_user_is_asked(lab: Lab, answers: str, made: set[str]) -> None:
    lab.program(TWO)
    text = lab.on_terminal("up", typed=answers, code=0 if made else 1)
    assert "Do you want to perform this update? [yes/no/details]" in text
    assert ("size: 3" in text) == bool(made)
    assert set(lab.objects) == made


def test_a_failed_step_stops_new_work_lets_running_work_end_and_keeps_all_state(lab: Lab) -> None:
    lab.rules(
        {"method": "Create", "name": "bad", "delay": 0.5, "error": "no room\nnot here"},
        {"method": "Create", "name": "slow", "delay": 2},
    )
    result = lab.up("Thing('slow')\nb = Thing('bad')\nThing('after', x=b.serial)\nThing('gone')", code=1)
    assert "error: no room" in result.text
    assert "update failed" in result.text
    assert set(lab.objects) == {"slow", "gone"}
    assert lab.resource("slow")["id"]
    assert lab.pending == []
    lab.rules()
    lab.up()
    assert lab.changes == ["Create bad", "Create after"]
    lab.rules({"method": "Update", "name": "bad", "error": "refused"})
    assert "error: refused" in lab.up("Thing('slow')\nThing('bad', size=2)", code=1).text
    assert lab.resource("bad")["inputs"]["size"] == 1
    lab.rules({"method": "Delete", "name": "after", "error": "in use"})
    assert "error: in use" in lab.run("destroy", "--yes", "--skip-preview", code=1).text
    assert "bad" in lab.objects
    lab.rules()
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.objects == {}


def test_an_object_that_is_made_but_unwell_is_remembered_and_mended(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "a", "unwell": "did not start"})
    assert "did not start" in lab.up("Thing('a')", code=1).text
    assert lab.resource("a")["initErrors"] == ["did not start"]
    lab.rules()
    assert lab.up().counts["updated"] == 1
    assert lab.changes == ["Update a"]
    assert "initErrors" not in lab.resource("a")


@standin_only
def test_a_preview_as_json(lab: Lab) -> None:
    lab.program(TWO)
    plan = json.loads(lab.run("preview", "--json").text)
    assert plan["changeSummary"] == {"create": 3}
    assert {step["urn"].rsplit("::", 1)[-1] for step in plan["steps"] if step["op"] == "create"} == {
        "proj-dev",
        "a",
        "b",
    }


def test_a_missing_plugin_is_named(lab: Lab) -> None:
    (lab.home / "bin" / "pulumi-resource-lab").unlink()
    assert "pulumi-resource-lab" in lab.preview("Thing('a')", code=1).text.replace(
        "resource plugin 'lab'", "pulumi-resource-lab"
    )
