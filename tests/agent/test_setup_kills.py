"""The runner, its clients and their host die at every possible moment; the same command always goes on from there."""

from __future__ import annotations

import json
import shutil

import pytest

from provision.agent.service import SETUP_MODULE
from provision.bundle.step import Bundle
from tests.kit.host import Lab, gate, names
from tests.kit.wait import until

# At the start of a process that finds the file "doom" in its home: die at the N-th change that it makes there, or at
# the N-th script that it starts.
DOOM = """
import signal
import sys


def _doom():
    left = [int((HOME / "doom").read_text())]
    (HOME / "doom").unlink()

    def hook(event, args):
        writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wa+")
        if event in ("os.rename", "os.remove", "os.mkdir", "subprocess.Popen", "os.truncate") or writes:
            if event == "subprocess.Popen" or str(args[0]).startswith(str(HOME)):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if (HOME / "doom").exists():
    _doom()
"""
MAIN = 'if __name__ == "__main__":'


@pytest.fixture
def doomed(lab: Lab) -> Bundle:
    """Two steps that verify as soon as they are half done: what protects them is the runner's own account."""
    for name, needs in (("base", "[]"), ("top", '["base"]')):
        body = f"touch {name}-half; sleep 0.01; touch {name}-whole"
        toml = f'needs = {needs}\nenv = {{ {name.upper()} = "1" }}'
        lab.recipe(name, toml, body=body, verify=f"test -e {name}-half")
    lab.edit("setup", MAIN, f"{DOOM}\n{MAIN}")
    return lab.bundle("top")


def wipe(lab: Lab) -> None:
    """Make the host as new."""
    for path in (lab.home, lab.profile, lab.world):
        shutil.rmtree(path, ignore_errors=True)
    lab.home.mkdir()
    lab.world.mkdir()


def assert_nothing_half_done_counts(lab: Lab, bundle: Bundle) -> None:
    for name in lab.marked():
        assert (lab.world / f"{name}-whole").exists(), name
    if (lab.home / "ready.json").exists():
        assert lab.marked() == {step.name for step in bundle.steps}


def assert_converged(lab: Lab, bundle: Bundle, done_before: set[str]) -> None:
    steps = {step.name for step in bundle.steps}
    assert lab.marked() == steps, lab.journal()
    assert {path.name for path in lab.world.glob("*-whole")} == {f"{name}-whole" for name in steps}
    assert lab.json("ready.json")["name"] == bundle.name
    assert not (lab.home / "pending.json").exists()
    exporting = {step.name for step in bundle.steps if step.env}
    assert {path.name for path in lab.profile.iterdir()} == {f"gpurig-{name}.sh" for name in exporting}
    for name in steps:
        assert lab.runs(name) <= 2
    for name in done_before:
        assert lab.runs(name) == 1, "what was done is not done again"
    assert names(lab.journal())[-1] == "ready", "no run is over without an end"


def pend(lab: Lab, bundle: Bundle) -> None:
    """Leave a bundle as a boot finds it after a power cut at the start of the run."""
    text = bundle.to_bytes().decode()
    pending = {"run": "r1", "name": bundle.name, "digest": bundle.digest, "rebooted": [], "fresh": False}
    for name, content in (("bundle.json", text), ("pending.json", json.dumps(pending))):
        (lab.home / name).write_text(content)
    (lab.home / "agent").mkdir()
    (lab.home / "agent" / "current").symlink_to(lab.program)


@pytest.mark.parametrize("part", range(4))
def test_a_run_that_dies_anywhere_is_carried_on_by_the_next_boot(lab: Lab, doomed: Bundle, part: int) -> None:
    assert_carried_on_wherever_it_dies(lab, doomed, range(1 + part, 1000, 4))


@pytest.mark.life
def test_a_run_that_dies_anywhere_with_steps_at_once_is_carried_on(lab: Lab, doomed: Bundle) -> None:
    for name in ("left", "right"):
        body = f"touch {name}-half; sleep 0.05; touch {name}-whole"
        lab.recipe(name, 'needs = ["base"]', body=body, verify=f"test -e {name}-half")
    assert doomed.name == "top"
    bundle = lab.bundle("top", "left", "right")
    assert "graph" in json.loads(bundle.to_bytes())
    assert_carried_on_wherever_it_dies(lab, bundle, range(1, 1000))


def assert_carried_on_wherever_it_dies(lab: Lab, bundle: Bundle, moments: range) -> None:
    """Let a run die at each of these moments of its own, and a boot go on with it."""
    deaths = 0
    for moment in moments:
        wipe(lab)
        pend(lab, bundle)
        (lab.home / "doom").write_text(str(moment))
        survived = lab.boot() == 0
        assert_nothing_half_done_counts(lab, bundle)
        done_before = lab.marked()
        assert lab.boot() == 0
        assert_converged(lab, bundle, done_before)
        if survived:
            break
        deaths += 1
    assert deaths >= 8


def test_a_client_that_dies_anywhere_leaves_a_host_that_the_next_one_can_use(lab: Lab, doomed: Bundle) -> None:
    deaths = 0
    for moment in range(1, 1000):
        wipe(lab)
        (lab.home / "doom").write_text(str(moment))
        with lab.client("apply", doomed) as client:
            client.process.communicate()
            survived = client.process.returncode == 0
        assert_nothing_half_done_counts(lab, doomed)
        assert lab.ask("apply", doomed)[-1]["event"] in ("ready", "unchanged")
        assert_converged(lab, doomed, {"base", "top"})
        if survived:
            break
        deaths += 1
    assert deaths >= 8


@pytest.mark.parametrize("when", ["at the start", "in the middle", "at the end"])
def test_a_runner_killed_inside_a_step_leaves_nothing_that_counts_or_runs(lab: Lab, when: str) -> None:
    kill = "[ -e killed ] || { touch killed; echo $$ > pid; kill -9 $PPID; sleep 1000; }"
    parts = {"at the start": 0, "in the middle": 1, "at the end": 2}
    lines = ["touch half", "touch whole"]
    lines.insert(parts[when], kill)
    lab.recipe("base")
    lab.recipe("tool", 'needs = ["base"]', body="\n".join(lines), verify="test -e half")
    lab.recipe("top", 'needs = ["tool"]')
    bundle = lab.bundle("top")
    with lab.client("apply", bundle) as client:
        client.until("step", step="tool", state="installing")
        until((lab.world / "pid").exists)
        until(lambda: not lab.processes(script=SETUP_MODULE))
        assert lab.marked() == {"base"}
        (status,) = lab.ask("status")
        assert (status["interrupted"], status["running"], status["pending"]["name"]) == (["tool"], False, "top")
    assert lab.processes(script="tool.install"), "the script outlived its runner"
    events = lab.ask("apply", bundle)
    assert events[0]["steps"] == {"base": "present", "tool": "interrupted", "top": "missing"}
    assert events[-1]["event"] == "ready"
    assert [lab.runs(name) for name in ("base", "tool", "top")] == [1, 2, 1]
    assert lab.marked() == {"base", "tool", "top"}
    until(lambda: not lab.processes())


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_runner_killed_around_a_step(lab: Lab, moment: str) -> None:
    # The verify script runs before the install and after it: it kills on its first or its second call.
    call = {"before": 1, "after": 2}[moment]
    verify = f'echo call >> calls; [ "$(wc -l < calls)" = {call + 1} ] && kill -9 $PPID; test -e tool'
    lab.recipe("tool", verify=verify)
    bundle = lab.bundle("tool")
    with lab.client("apply", bundle) as client:
        client.until("started")
        until((lab.world / "calls").exists)
        until(lambda: not lab.processes(script=SETUP_MODULE))
    assert lab.marked() == set()
    assert lab.ask("apply", bundle)[-1]["event"] == "ready"
    assert lab.runs("tool") == call


def test_a_run_that_stays_dead_is_told_to_who_follows(lab: Lab) -> None:
    lab.recipe("tool", body=f"echo hello; {gate('gate')}")
    lab.edit("setup", "GRACE = 15", "GRACE = 1")
    with lab.client("apply", lab.bundle("tool")) as client:
        client.until("log", line="hello")
        lab.kill_runner()
        events = client.rest()
    assert events[-1] == {"event": "lost", "run": events[0]["run"], "steps": ["tool"]}


def test_a_run_that_another_client_replaced_is_lost_to_its_own(lab: Lab) -> None:
    lab.recipe("one", body=f"echo hello; {gate('never')}")
    lab.recipe("two", body=gate("gate"))
    lab.edit("setup", "GRACE = 15", "GRACE = 1")
    with lab.client("apply", lab.bundle("one")) as first:
        first.until("log", line="hello")
        lab.edit("setup", "GRACE = 1", "GRACE = 15")
        lab.kill_runner()
        with lab.client("apply", lab.bundle("two")) as second:
            second.until("step", state="installing")
            assert first.rest()[-1]["event"] == "lost", "though a run is alive, it is not this one"
            lab.open("gate")
            assert second.rest()[-1]["event"] == "ready"


def test_a_boot_between_two_bundles_runs_one_of_them_whole(lab: Lab) -> None:
    lab.recipe("one", body=f"echo hello; {gate('gate')}")
    lab.recipe("two")
    with lab.client("apply", lab.bundle("one")) as client:
        client.until("log", line="hello")
        lab.kill_runner()
    lab.open("gate")
    boot = lab.begin_boot()
    events = lab.ask("apply", lab.bundle("two"))
    assert boot.wait() == 0
    assert events[-1]["event"] == "ready"
    assert events[-1]["name"] == "two"
    assert lab.json("ready.json")["name"] == "two"
    runs = {event["run"]: [] for event in lab.journal()}  # type: ignore[var-annotated]  # filled below
    for event in lab.journal():
        runs[event["run"]].append(event)
    for told in runs.values():
        steps = {event["step"] for event in told if event["event"] == "step"}
        assert len(steps) == 1, "no run has steps of both"


@pytest.mark.parametrize("left", [b'{"run": "x", "ev', b"{", b"\0\0\0"])
def test_a_journal_line_that_was_cut_is_dropped(lab: Lab, left: bytes) -> None:
    lab.recipe("tool")
    lab.ask("apply", lab.bundle("tool"))
    before = lab.journal()
    with (lab.home / "journal.jsonl").open("ab") as file:
        file.write(left)
    assert lab.ask("status")[0]["last"]["event"] == "ready"
    events = lab.ask("apply", lab.bundle("tool"), fresh=True)
    assert events[-1]["event"] == "ready"
    assert lab.journal()[: len(before)] == before
    assert names(lab.journal()).count("ready") == 2
