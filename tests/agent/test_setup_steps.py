"""What a run does with each step: install, adopt, leave alone, install again, fail with a reason."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tests.kit.host import Event, Lab, gate, names, states
from tests.kit.wait import until


def failure(events: list[Event]) -> Event:
    assert events[-1]["event"] == "failed", events
    return events[-1]


def test_the_first_run_installs_in_order_and_the_second_nothing(lab: Lab) -> None:
    lab.recipe("top", 'needs = ["middle"]', body="test -e middle; echo top >> order")
    lab.recipe("middle", 'needs = ["base"]', body="test -e base; echo middle >> order")
    lab.recipe("base", body="echo base >> order")
    bundle = lab.bundle("top")
    events = lab.ask("apply", bundle)
    assert events[0]["event"] == "started"
    assert events[0]["steps"] == dict.fromkeys(("base", "middle", "top"), "missing")
    assert events[-1]["event"] == "ready"
    assert states(events) == dict.fromkeys(("base", "middle", "top"), "installed")
    assert (lab.world / "order").read_text().split() == ["base", "middle", "top"]
    ready = lab.json("ready.json")
    assert (ready["name"], ready["digest"]) == ("top", bundle.digest)
    assert not (lab.home / "pending.json").exists()
    (unchanged,) = lab.ask("apply", bundle)
    assert unchanged["event"] == "unchanged"
    assert unchanged["steps"] == dict.fromkeys(("base", "middle", "top"), "present")
    assert unchanged["since"] == ready["at"]
    assert [lab.runs(name) for name in ("base", "middle", "top")] == [1, 1, 1]


def test_what_is_there_already_is_adopted(lab: Lab) -> None:
    lab.recipe("tool")
    (lab.world / "tool").touch()
    bundle = lab.bundle("tool")
    assert states(lab.ask("apply", bundle)) == {"tool": "found"}
    assert lab.runs("tool") == 0
    assert lab.json("marks/tool.json")["how"] == "found"
    assert names(lab.ask("apply", bundle)) == ["unchanged"]


def test_a_changed_step_is_installed_again_and_its_neighbours_are_not(lab: Lab) -> None:
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]')
    lab.ask("apply", lab.bundle("tool"))
    lab.recipe("tool", 'needs = ["base"]', body="echo new")
    events = lab.ask("apply", lab.bundle("tool"))
    assert events[0]["steps"] == {"base": "present", "tool": "changed"}
    assert states(events) == {"base": "present", "tool": "installed"}
    assert (lab.runs("base"), lab.runs("tool")) == (1, 2)


def test_what_broke_is_installed_again(lab: Lab) -> None:
    lab.recipe("tool")
    lab.ask("apply", lab.bundle("tool"))
    (lab.world / "tool").unlink()
    events = lab.ask("apply", lab.bundle("tool"))
    assert events[0]["steps"] == {"tool": "broken"}
    assert states(events) == {"tool": "installed"}


def test_fresh_installs_all_again_once(lab: Lab) -> None:
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]')
    bundle = lab.bundle("tool")
    lab.ask("apply", bundle)
    assert states(lab.ask("apply", bundle, fresh=True)) == {"base": "installed", "tool": "installed"}
    assert (lab.runs("base"), lab.runs("tool")) == (2, 2)
    assert names(lab.ask("apply", bundle)) == ["unchanged"]


def test_another_bundle_that_is_all_there_becomes_the_ready_one(lab: Lab) -> None:
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]')
    lab.ask("apply", lab.bundle("tool"))
    (unchanged,) = lab.ask("apply", lab.bundle("base"))
    assert unchanged["event"] == "unchanged"
    assert lab.json("ready.json")["name"] == "base"
    assert unchanged["since"] == lab.json("ready.json")["at"]


def test_a_step_that_fails_stops_the_run_with_its_last_lines_and_the_way_back(lab: Lab) -> None:
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]\nundo = "rm -r it"', body="seq 1 50; printf 'no line end' >&2; exit 3")
    lab.recipe("top", 'needs = ["tool"]')
    failed = failure(lab.ask("apply", lab.bundle("top")))
    assert (failed["step"], failed["why"], failed["undo"]) == ("tool", "exit code 3", "rm -r it")
    assert failed["tail"] == [*(str(number) for number in range(32, 51)), "no line end"]
    assert failed["log"] == f"{lab.home}/logs/tool.log"
    assert lab.marked() == {"base"}
    assert lab.runs("top") == 0
    assert not (lab.home / "ready.json").exists()
    assert not (lab.home / "pending.json").exists(), "a boot would try for ever"


def test_after_a_failure_the_same_command_goes_on_from_that_step(lab: Lab) -> None:
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]', body="test -e fixed")
    bundle = lab.bundle("tool")
    failure(lab.ask("apply", bundle))
    (lab.world / "fixed").touch()
    events = lab.ask("apply", bundle)
    assert events[0]["steps"] == {"base": "present", "tool": "interrupted"}
    assert events[-1]["event"] == "ready"
    assert (lab.runs("base"), lab.runs("tool")) == (1, 2)


def test_a_failed_install_never_counts_though_it_would_verify(lab: Lab) -> None:
    lab.recipe("tool", body="touch tool; false")
    bundle = lab.bundle("tool")
    for _ in range(2):
        assert failure(lab.ask("apply", bundle))["why"] == "exit code 1"
    assert lab.runs("tool") == 2
    assert lab.marked() == set()


def test_a_failure_in_the_middle_of_a_script_ends_it(lab: Lab) -> None:
    lab.recipe("tool", body="false\ntouch beyond")
    failure(lab.ask("apply", lab.bundle("tool")))
    lab.recipe("tool", body="false | true\ntouch beyond")
    failure(lab.ask("apply", lab.bundle("tool")))
    lab.recipe("tool", body="echo $UNSET_VARIABLE\ntouch beyond")
    failure(lab.ask("apply", lab.bundle("tool")))
    assert not (lab.world / "beyond").exists()


def test_a_child_that_reads_does_not_eat_the_script(lab: Lab) -> None:
    lab.recipe("tool", body="cat\ntouch beyond")
    lab.ask("apply", lab.bundle("tool"))
    assert (lab.world / "beyond").exists()


def test_an_install_whose_verify_says_no_has_failed(lab: Lab) -> None:
    lab.recipe("tool", verify="echo it has no teeth; false", body="echo installing")
    failed = failure(lab.ask("apply", lab.bundle("tool")))
    assert "its verify script says no" in failed["why"]
    assert failed["tail"] == ["installing", "it has no teeth"]
    assert lab.marked() == set()


def test_a_script_that_is_killed_is_told_by_its_signal(lab: Lab) -> None:
    lab.recipe("tool", body="kill -TERM $$")
    assert failure(lab.ask("apply", lab.bundle("tool")))["why"] == "killed by signal 15"


def test_an_exit_code_of_a_program_is_not_taken_for_our_own_timeout(lab: Lab) -> None:
    lab.recipe("tool", body="exit 124")
    assert failure(lab.ask("apply", lab.bundle("tool")))["why"] == "exit code 124"


def test_a_step_out_of_time_is_killed_with_all_that_it_started(lab: Lab) -> None:
    tree = "sleep 1000 & (sleep 1000 & wait) & setsid bash -c 'sleep 1000 & wait' & sleep 1000"
    lab.recipe("tool", body=f"touch began; {tree}")
    bundle = lab.bundle("tool")
    bundle = dataclasses.replace(bundle, steps=(dataclasses.replace(bundle.steps[0], timeout=1),))
    failed = failure(lab.ask("apply", bundle))
    assert failed["why"] == "not done after 1 s"
    assert "killed" in failed["tail"][-1]
    assert (lab.world / "began").exists()
    until(lambda: not lab.processes())


def test_what_a_script_leaves_behind_ends_with_it(lab: Lab) -> None:
    lab.recipe("tool", body="sleep 1000 &")
    assert names(lab.ask("apply", lab.bundle("tool")))[-1] == "ready"
    until(lambda: not lab.processes())


def test_too_small_a_disk_is_said_before_anything_begins(lab: Lab) -> None:
    lab.recipe("tool", "disk_gib = 9000000")
    failed = failure(lab.ask("apply", lab.bundle("tool")))
    assert "it needs 9000000.0 GiB free on /, and there are" in failed["why"]
    assert (lab.runs("tool"), failed["tail"]) == (0, [])
    assert lab.ask("plan", lab.bundle("tool"))[0]["steps"] == {"tool": "missing"}


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("touch tool", "touch evil"),
        lambda text: text[:-20],
        lambda _: "",
        lambda _: "[]",
        lambda _: "{}",
    ],
)
@pytest.mark.parametrize("verb", ["apply", "plan"])
def test_a_damaged_bundle_is_refused(lab: Lab, damage: object, verb: str) -> None:
    assert callable(damage)
    lab.recipe("tool")
    text = damage(lab.bundle("tool").to_bytes().decode())
    with lab.client(verb, bundle_text=text) as client:
        output, said = client.process.communicate()
    assert client.process.returncode == 1
    assert (output, said.strip()) == ("", "gpurig: the bundle arrived damaged; send it again")
    assert not (lab.home / "bundle.json").exists()


def test_a_bundle_that_was_damaged_on_the_disk_fails_the_run(lab: Lab) -> None:
    lab.recipe("tool", body=gate("gate"))
    with lab.client("apply", lab.bundle("tool")) as client:
        client.until("step", state="installing")
        lab.kill_runner()
    (lab.home / "bundle.json").write_text("{")
    assert lab.boot() == 0
    failed = lab.journal()[-1]
    assert (failed["event"], failed["step"]) == ("failed", "")
    assert "damaged" in failed["why"]
    assert not (lab.home / "pending.json").exists()


def test_two_bundles_never_mix_their_scripts(lab: Lab, templates: Path) -> None:
    lab.recipe("tool", body=f"{gate('gate')}\nwhich_lib > lib.seen")
    (templates / "host" / "lib.sh.j2").write_text("which_lib() { echo first; }\n")
    first = lab.bundle("tool")
    (templates / "host" / "lib.sh.j2").write_text("which_lib() { echo second; }\n")
    second = lab.bundle("tool")
    assert json.loads(first.to_bytes())["lib"] != json.loads(second.to_bytes())["lib"]
    with lab.client("apply", first) as client:
        client.until("step", state="checking")
        lab.ask("plan", second)
        lab.open("gate")
        assert client.rest()[-1]["event"] == "ready"
    assert (lab.world / "lib.seen").read_text() == "first\n"
