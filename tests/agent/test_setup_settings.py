"""What a run does with a step whose recipe is the same and whose settings are new."""

from __future__ import annotations

import dataclasses

import pytest

from provision.agent.steps import REFUSED
from tests.kit.host import Lab, names, states

UNDONE = 'summary = "A tool"\nversion = "{}"\nundo = "rm -r it"'


def test_what_verifies_under_new_settings_is_taken_as_it_is(lab: Lab) -> None:
    lab.recipe("tool", body="echo {{ target.gpu }}", verify="test -e tool; : {{ target.gpu }}")
    lab.ask("apply", lab.bundle("tool"))
    lab.target = dataclasses.replace(lab.target, gpu="T4")
    events = lab.ask("apply", lab.bundle("tool"))
    assert events[0]["steps"] == {"tool": "fitting"}
    assert states(events) == {"tool": "fitting"}
    assert lab.runs("tool") == 1
    assert names(lab.ask("apply", lab.bundle("tool"))) == ["unchanged"]


def test_what_does_not_verify_under_new_settings_is_installed_again(lab: Lab) -> None:
    body, verify = "echo {{ target.compute }} >made_for", "grep -qx {{ target.compute }} made_for"
    lab.recipe("tool", body=body, verify=verify)
    lab.ask("apply", lab.bundle("tool"))
    lab.target = dataclasses.replace(lab.target, compute="8.6")
    events = lab.ask("apply", lab.bundle("tool"))
    assert events[0]["steps"] == {"tool": "broken"}
    assert states(events) == {"tool": "installed"}
    assert lab.runs("tool") == 2


def test_a_step_that_refuses_has_nothing_to_take_off_again(lab: Lab) -> None:
    lab.recipe("tool", 'undo = "rm -r it"', body=f"echo not on this machine; exit {REFUSED}")
    failed = lab.ask("apply", lab.bundle("tool"))[-1]
    assert (failed["event"], failed["undo"]) == ("failed", "")
    assert failed["why"] == "it refused, and changed nothing"
    assert failed["tail"] == ["not on this machine"]


@pytest.mark.parametrize("how", ["installed", "found"])
@pytest.mark.parametrize("fresh", [False, True], ids=["changed", "fresh"])
def test_what_was_there_before_is_named_when_it_cannot_be_made_anew_and_not_to_be_deleted(
    lab: Lab, how: str, *, fresh: bool
) -> None:
    lab.recipe("tool", UNDONE.format("7"), body="test ! -e broken")
    if how == "found":
        (lab.world / "tool").touch()
    assert states(lab.ask("apply", lab.bundle("tool"))) == {"tool": how}
    done = lab.json("marks/tool.json")
    (lab.world / "broken").touch()
    if not fresh:
        lab.recipe("tool", UNDONE.format("8"), body="test ! -e broken")
    failed = lab.ask("apply", lab.bundle("tool"), fresh=fresh)[-1]
    assert (failed["event"], failed["why"], failed["undo"]) == ("failed", "exit code 1", "")
    assert (failed["before"]["version"], failed["before"]["at"]) == ("7", done["at"])
    # Cut off or failed once more, it is still the same one that is there.
    assert lab.ask("apply", lab.bundle("tool"))[-1]["before"] == failed["before"]


def test_a_step_for_which_there_is_no_room_has_nothing_to_take_off_again(lab: Lab) -> None:
    lab.recipe("tool", 'disk_gib = 9000000\nundo = "rm -r it"')
    failed = lab.ask("apply", lab.bundle("tool"))[-1]
    assert (failed["event"], failed["undo"]) == ("failed", "")
    assert "GiB free" in failed["why"]
