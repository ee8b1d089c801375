"""Steps that go at once: what runs beside what, what a failure leaves undone, and what who follows is told."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from provision.agent import journal
from provision.agent.at_once import AtOnce, most_at_once
from provision.bundle.step import Bundle
from tests.kit.host import Event, Lab, gate, names, states
from tests.kit.programs import write_program
from tests.kit.wait import until


def around(lab: Lab, *, left: str = "", right: str = "", toml: str = "") -> Bundle:
    """Return a bundle of two steps that need the same, and one that needs both."""
    lab.recipe("base")
    lab.recipe("left", f'needs = ["base"]\n{toml}', body=left)
    lab.recipe("right", f'needs = ["base"]\n{toml}', body=right)
    lab.recipe("top", 'needs = ["left", "right"]')
    return lab.bundle("top")


def order(events: list[Event]) -> list[tuple[str, str]]:
    """Return the steps' beginnings and ends, in order."""
    return [
        (e["step"], "end" if "seconds" in e else "begin")
        for e in events
        if e["event"] == "step" and ("seconds" in e or e["state"] == "checking")
    ]


def test_what_needs_the_same_goes_at_once(lab: Lab) -> None:
    # One after the other, each would wait for the other for ever.
    bundle = around(lab, left=f"touch l; {gate('r')}", right=f"touch r; {gate('l')}")
    events = lab.ask("apply", bundle)
    assert events[-1]["event"] == "ready"
    assert states(events) == dict.fromkeys(("base", "left", "right", "top"), "installed")
    told = order(events)
    assert told[:2] == [("base", "begin"), ("base", "end")]
    assert told[-2:] == [("top", "begin"), ("top", "end")]
    assert lab.marked() == {"base", "left", "right", "top"}


def test_one_builds_at_a_time_and_what_downloads_goes_ahead(lab: Lab) -> None:
    lab.recipe("base")
    body = "[ ! -e building ] || touch both; touch building; sleep 0.3; rm building"
    for name in ("one", "two"):
        lab.recipe(name, 'needs = ["base"]\nbuilds = true', body=body)
    # It is the last by name, and ends only when a build goes on beside it.
    lab.recipe("zip", 'needs = ["base"]', body=gate("building"))
    lab.recipe("top", 'needs = ["one", "two", "zip"]')
    events = lab.ask("apply", lab.bundle("top"))
    assert events[-1]["event"] == "ready"
    assert not (lab.world / "both").exists()
    assert order(events)[2] == ("zip", "begin")


def test_a_step_that_fails_lets_the_others_end_and_says_what_did_not_start(lab: Lab) -> None:
    around(lab, left="echo no mirror; exit 4", right=gate("gate"), toml='undo = "rm it"')
    lab.recipe("upon", 'needs = ["right"]')
    bundle = lab.bundle("top", "upon")
    with lab.client("apply", bundle) as client:
        failed = client.until("step", step="left", state="failed")
        assert failed["why"] == "exit code 4"
        assert not lab.json("pending.json")["rebooted"], "it goes on"
        lab.open("gate")
        events = client.rest()
    assert states(events) == {"base": "installed", "left": "failed", "right": "installed", "upon": "installed"}
    end = events[-1]
    assert (end["event"], end["step"], end["why"], end["tail"]) == ("failed", "left", "exit code 4", ["no mirror"])
    assert (end["undo"], end["left"]) == ("rm it", {"top": "not started: it needs left"})
    assert lab.marked() == {"base", "right", "upon"}
    around(lab)
    events = lab.ask("apply", lab.bundle("top", "upon"))
    assert events[-1]["event"] == "ready"
    assert (lab.runs("left"), lab.runs("top"), lab.runs("upon")) == (2, 1, 1)


def test_two_that_fail_are_both_told(lab: Lab) -> None:
    failed = """until grep -q '"left", "state": "failed"' "$GPURIG_HOME/journal.jsonl"; do sleep 0.02; done"""
    bundle = around(lab, left=f"touch l; {gate('r')}; exit 4", right=f"touch r; {failed}; exit 5")
    end = lab.ask("apply", bundle)[-1]
    assert (end["step"], end["why"]) == ("left", "exit code 4")
    assert end["left"] == {"right": "failed: exit code 5", "top": "not started: it needs left and right"}


def test_an_error_of_the_program_in_one_step_keeps_nobody_waiting(lab: Lab) -> None:
    bundle = around(lab, left="touch l")
    lab.edit(
        "setup",
        "    code, why, kept = install(",
        '    {}["odd"] if name == "left" else None\n    code, why, kept = install(',
    )
    end = lab.ask("apply", bundle)[-1]
    assert (end["event"], end["step"], end["why"]) == ("failed", "left", "KeyError: 'odd'")
    assert "right" in lab.marked()


def test_what_asks_for_a_reboot_waits_for_the_others_and_is_alone(lab: Lab) -> None:
    write_program(lab.bin / "systemctl", f'echo "$*" >>"{lab.world}/systemctl"')
    lab.recipe("base")
    lab.recipe("first", 'needs = ["base"]', body=f"touch long-begins; {gate('gate')}")
    lab.recipe("before", 'needs = ["base"]')
    alone = "ls *-goes 2>/dev/null && touch both; touch driver; exit 100"
    lab.recipe("driver", 'needs = ["before"]\nreboot = true', body=alone, verify="test -e driver -a -e booted")
    lab.recipe("late", 'needs = ["before"]', body="touch late-goes")
    lab.recipe("top", 'needs = ["first", "driver", "late"]')
    with lab.client("apply", lab.bundle("top")) as client:
        client.until("step", step="before", state="installed")
        client.until("step", step="first", state="installing") if "first" not in states(client.seen) else None
        until((lab.world / "long-begins").exists)
        assert {"driver", "late"}.isdisjoint(states(lab.journal())), "it waits, and keeps others from starting"
        lab.open("gate")
        events = client.rest()
        assert events[-1]["event"] == "reboot"
        assert "late" not in states(events)
        until((lab.world / "systemctl").exists)
        lab.kill_runner()
    (lab.world / "booted").touch()
    assert lab.boot() == 0
    assert names(lab.journal())[-1] == "ready"
    assert lab.runs("first") == lab.runs("driver") == lab.runs("late") == 1
    assert not (lab.world / "both").exists()


def lines(events: list[Event]) -> dict[str, list[str]]:
    """Return what was told of each step's log."""
    found: dict[str, list[str]] = {}
    for event in events:
        if event["event"] == "log":
            found.setdefault(event["step"], []).append(event["line"])
    return found


def test_who_was_cut_off_goes_on_in_every_log_where_it_was(lab: Lab) -> None:
    some = "; ".join(f"echo line {number}; sleep 0.05" for number in range(4))
    bundle = around(lab, left=f"touch l; {gate('r')}; {some}", right=f"touch r; {gate('l')}; {some}; printf unfinished")
    whole = lab.ask("apply", bundle)
    told = [f"line {number}" for number in range(4)]
    assert lines(whole) == {"left": told, "right": [*told, "unfinished"]}
    place: dict[str, Any] = {"offset": 0, "positions": {}}
    for cut, event in enumerate(whole[:-1]):
        if "offset" in event:
            place["offset"] = event["offset"]
        else:
            place["positions"][event["step"]] = event["position"]
        if cut % 4:  # each takes a third of a second
            continue
        both = whole[: cut + 1] + lab.ask("follow", run=whole[0]["run"], **place)
        assert lines(both) == lines(whole), event
        assert [e for e in both if e["event"] != "log"] == [e for e in whole if e["event"] != "log"], event


def test_a_run_killed_with_two_steps_in_progress_goes_on_with_both(lab: Lab) -> None:
    bundle = around(lab, left=f"touch l; {gate('gate')}", right=f"touch r; {gate('gate')}")
    lab.edit("setup", "GRACE = 15", "GRACE = 1")
    with lab.client("apply", bundle) as client:
        until(lambda: (lab.world / "l").exists() and (lab.world / "r").exists())
        lab.kill_runner()
        lost = client.rest()[-1]
    assert (lost["event"], sorted(lost["steps"])) == ("lost", ["left", "right"])
    (status,) = lab.ask("status")
    assert status["interrupted"] == ["left", "right"]
    assert len(lab.processes(script=".install")) >= 2, "the scripts outlived their runner"
    lab.open("gate")
    events = lab.ask("apply", bundle)
    assert events[-1]["event"] == "ready"
    assert [lab.runs(name) for name in ("base", "left", "right", "top")] == [1, 2, 2, 1]


def test_downloads_do_not_keep_a_build_from_the_cores(lab: Lab) -> None:
    lab.recipe("base")
    parts = [f"part-{number}" for number in range(most_at_once())]
    for name in parts:
        lab.recipe(name, 'needs = ["base"]', body=gate("built"))
    lab.recipe("tool", 'needs = ["base"]\nbuilds = true', body="touch built")
    assert lab.ask("apply", lab.bundle("tool", *parts))[-1]["event"] == "ready"


def test_what_has_no_disk_for_both_goes_one_after_the_other(lab: Lab) -> None:
    lab.recipe("base")
    half = shutil.disk_usage("/").free / 2**30 * 0.6
    for name in ("one", "two"):
        body = "[ ! -e going ] || touch both; touch going; sleep 0.3; rm going"
        lab.recipe(name, f'needs = ["base"]\ndisk_gib = {half:.2f}', body=body)
    assert lab.ask("apply", lab.bundle("one", "two"))[-1]["event"] == "ready"
    assert not (lab.world / "both").exists()


def test_who_may_wait_for_another_at_apt_has_the_time_of_both() -> None:
    steps: Any = [
        {"name": n, "timeout": t, "reboot": False, "disk_gib": 0}
        for n, t in zip("abcd", (1, 20, 300, 4000), strict=True)
    ]
    given: dict[str, int] = {}

    def carry(step: Any) -> None:
        given[step["name"]] = step["timeout"]

    needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["a", "b", "c"]}
    assert AtOnce(steps, {"needs": needs, "builds": []}, carry).run() is None
    assert given == {"a": 1, "b": 320, "c": 320, "d": 4000}


def test_events_of_many_at_once_are_lines_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "JOURNAL", tmp_path / "journal.jsonl")
    event: Any = {"event": "start", "run": "r", "name": "x" * 5000, "steps": []}

    def tell() -> None:
        for _ in range(20):
            journal.record(event)

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert len(rows) == 160


@pytest.mark.skipif(len(os.sched_getaffinity(0)) > 3, reason="so many go at once here")
def test_as_many_go_at_once_as_there_are_cores(lab: Lab) -> None:
    lab.recipe("base")
    count = 'touch "go-$$"; ls go-* | wc -l >>counts; sleep 0.2; rm "go-$$"'
    for number in range(6):
        lab.recipe(f"part-{number}", 'needs = ["base"]', body=count)
    lab.recipe("top", f"needs = {[f'part-{number}' for number in range(6)]}")
    assert lab.ask("apply", lab.bundle("top"))[-1]["event"] == "ready"
    counts = [int(line) for line in (lab.world / "counts").read_text().split()]
    assert max(counts) == max(2, len(os.sched_getaffinity(0)))
