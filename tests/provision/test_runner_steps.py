"""What a run does with each step: install, adopt, leave alone, install again, fail with a reason."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.provision.lab import gate, names, states, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.provision.lab import Event, Lab


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
    lab.boot()
    failed = lab.journal()[-1]
    assert (failed["event"], failed["step"]) == ("failed", "")
    assert "damaged" in failed["why"]
    assert not (lab.home / "pending.json").exists()


FILE = 'files."{path}" = {{ template = "tool.conf", mode = "0640" }}'


def test_files_are_there_before_the_install_and_a_changed_one_installs_again(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "etc" / "tool.conf"
    toml, body = FILE.format(path=path), f'cp "{path}" copy'
    lab.recipe("tool", toml, body=body, **{"tool.conf": "gpu={{ target.gpu }} ä\n"})
    assert names(lab.ask("apply", lab.bundle("tool")))[-1] == "ready"
    assert (lab.world / "copy").read_text() == "gpu=none ä\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(lab.ask("apply", lab.bundle("tool"))) == ["unchanged"]
    for number, content in enumerate((b"gpu=other\n", b"\xff\xfe", b"", b"gpu=none \xc3\xa4\r\n"), 2):
        path.write_bytes(content)
        assert lab.ask("plan", lab.bundle("tool"))[0]["steps"] == {"tool": "broken"}
        assert names(lab.ask("apply", lab.bundle("tool")))[-1] == "ready"
        assert path.read_text() == "gpu=none ä\n"
        assert lab.runs("tool") == number
    lab.recipe("tool", toml, body=body, **{"tool.conf": "new\n"})
    assert lab.ask("apply", lab.bundle("tool"))[0]["steps"] == {"tool": "broken"}
    assert path.read_text() == "new\n"


def test_a_file_that_cannot_be_written_fails_the_step(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("no folder")
    lab.recipe("tool", FILE.format(path=tmp_path / "etc" / "tool.conf"), **{"tool.conf": "x"})
    failed = failure(lab.ask("apply", lab.bundle("tool")))
    assert failed["step"] == "tool"
    assert str(tmp_path / "etc") in failed["why"]
    assert lab.runs("tool") == 0


def test_environment_reaches_later_scripts_and_login_shells(lab: Lab) -> None:
    lab.recipe("base", 'env = { TOOL = "/opt/tool", PATH = "/opt/tool/bin:$PATH" }')
    lab.recipe("top", 'needs = ["base"]', body='echo "$TOOL $PATH" > seen', verify='test "$TOOL" = /opt/tool -a -e top')
    lab.recipe("aside", body='echo "${TOOL-unset}" > aside.seen')
    assert names(lab.ask("apply", lab.bundle("top", "aside")))[-1] == "ready"
    assert (lab.world / "seen").read_text().startswith("/opt/tool /opt/tool/bin:/")
    assert (lab.world / "aside.seen").read_text() == "unset\n"
    (script,) = lab.profile.iterdir()
    assert script.name == "gpurig-base.sh"
    command = ["/bin/sh", "-c", f'. "{script}"; echo "$TOOL $PATH"']
    shell = subprocess.run(command, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=True)
    assert shell.stdout == "/opt/tool /opt/tool/bin:/usr/bin\n"


def test_environment_that_a_recipe_no_longer_gives_goes_away(lab: Lab) -> None:
    lab.recipe("base", 'env = { TOOL = "/opt/tool" }')
    lab.ask("apply", lab.bundle("base"))
    lab.recipe("base")
    lab.ask("apply", lab.bundle("base"))
    assert list(lab.profile.iterdir()) == []


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_plan_says_what_would_be_done_and_changes_nothing(lab: Lab) -> None:
    lab.recipe("a-present")
    lab.recipe("b-changed")
    lab.recipe("c-broken")
    lab.recipe("d-interrupted", body="test -e fixed")
    lab.recipe("e-found")
    lab.recipe("f-missing")
    bundle = lab.bundle("a-present", "b-changed", "c-broken")
    assert lab.ask("plan", bundle)[0]["steps"] == dict.fromkeys(("a-present", "b-changed", "c-broken"), "missing")
    assert not lab.home.exists(), "a first plan leaves no trace"
    lab.ask("apply", bundle)
    failure(lab.ask("apply", lab.bundle("d-interrupted")))
    lab.recipe("b-changed", body="echo new")
    (lab.world / "c-broken").unlink()
    (lab.world / "e-found").touch()
    before = tree(lab.home), tree(lab.world)
    (answer,) = lab.ask(
        "plan", lab.bundle("a-present", "b-changed", "c-broken", "d-interrupted", "e-found", "f-missing")
    )
    assert answer["event"] == "plan"
    assert answer["steps"] == {name: name[2:] for name in answer["steps"]}
    assert len(answer["steps"]) == 6
    assert answer["running"] is False
    assert (tree(lab.home), tree(lab.world)) == before


def test_status_tells_what_is_whole_what_is_half_and_how_it_ended(lab: Lab) -> None:
    (before,) = lab.ask("status")
    assert (before["marks"], before["last"], before["ready"], before["running"]) == ({}, None, None, False)
    lab.recipe("base", 'summary = "b"\nversion = "1.5"')
    lab.recipe("tool", 'needs = ["base"]', body="test -e fixed || { touch tool; exit 7; }")
    (lab.world / "fixed").touch()
    lab.ask("apply", lab.bundle("tool"))
    (good,) = lab.ask("status")
    assert {name: mark["version"] for name, mark in good["marks"].items()} == {"base": "1.5", "tool": "1"}
    assert good["last"]["event"] == "ready"
    assert good["ready"]["digest"] == lab.bundle("tool").digest
    (lab.world / "fixed").unlink()
    lab.ask("apply", lab.bundle("tool"), fresh=True)
    (bad,) = lab.ask("status")
    assert set(bad["marks"]) == {"base"}, "an old mark does not speak for what is half replaced"
    assert bad["interrupted"] == ["tool"]
    assert (bad["last"]["event"], bad["last"]["why"]) == ("failed", "exit code 7")
    assert (bad["ready"], bad["pending"], bad["running"]) == (None, None, False)


def test_status_while_a_run_is_alive(lab: Lab) -> None:
    lab.recipe("tool", body=gate("gate"))
    with lab.client("apply", lab.bundle("tool")) as client:
        client.until("step", state="installing")
        (status,) = lab.ask("status")
        assert (status["running"], status["pending"]["name"]) == (True, "tool")
        assert lab.ask("plan", lab.bundle("tool"))[0]["running"] is True
        lab.open("gate")
        client.rest()


def test_facts_are_the_machine_s_own(lab: Lab) -> None:
    rows = "Tesla T4, 7.5, 580.65.06\\nNVIDIA L4, 8.9, 580.65.06\\n"
    (lab.bin / "nvidia-smi").write_text(f'#!/bin/sh\nprintf "{rows}"\n')
    (lab.bin / "nvidia-smi").chmod(0o755)
    (facts,) = lab.ask("facts")
    assert facts["gpus"] == [["Tesla T4", "7.5", "580.65.06"], ["NVIDIA L4", "8.9", "580.65.06"]]
    release = subprocess.run(
        ["/bin/sh", "-c", '. /etc/os-release; echo "$ID-$VERSION_ID"'], capture_output=True, text=True, check=True
    )
    assert facts["os"] == release.stdout.strip()
    uname = subprocess.run(["uname", "-r"], capture_output=True, text=True, check=True)
    assert facts["kernel"] == uname.stdout.strip()
    assert facts["disk_free_gib"] > 0
    assert facts["memory_gib"] > 0
    assert not lab.home.exists()


def test_a_driver_that_does_not_work_is_no_gpu(lab: Lab) -> None:
    (lab.bin / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    (lab.bin / "nvidia-smi").chmod(0o755)
    assert lab.ask("facts")[0]["gpus"] == []


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
