"""The guard: has an idle box stopped, and no other. The host's signs of life are this test's own."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from provision.model.target import Target
from tests.recipes.guard_lab import RX, TX, Box

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"),
    reason="needs root and unshare for a /run of its own",
)
RUN = "groups/system.slice/gpurig-run-train-1.service/cpu.stat"
COUNTER = "run gpurig-run-train-1.service"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def with_settings(box: Box, **settings: Any) -> Box:
    return dataclasses.replace(box, target=dataclasses.replace(box.target, **settings))


def test_a_box_that_nobody_used_for_so_long_is_stopped_with_the_reason(box: Box) -> None:
    box.saw(31)
    seen = box.looks()
    assert seen["busy"] == []
    assert seen["idle_since"] == pytest.approx(time.time() - 31 * 60, abs=30)
    assert box.stopped
    assert box.text("run/why") == "nobody has used it for 30 min"


def test_one_that_has_just_booted_or_is_not_idle_for_long_stays_on(box: Box) -> None:
    first = box.looks()
    assert first["idle_since"] == pytest.approx(time.time(), abs=30)
    box.saw(29)
    box.looks()
    assert not box.stopped


@pytest.mark.parametrize(
    ("counters", "files", "says"),
    [
        ({COUNTER: 0}, {RUN: "usage_usec 3100000"}, "run train-1 computes"),
        ({"cpu ": 0}, {"groups/cpu.stat": "usage_usec 31000000\nuser_usec 1"}, "something computes"),
        (
            {"disk ": 0},
            {"groups/io.stat": "8:0 rbytes=4000000 wbytes=2100000 rios=1\n"},
            "the disks are read or written",
        ),
        ({RX: -700_000}, {}, "the network is in use"),
        ({TX: -700_000}, {}, "the network is in use"),
        ({}, {"groups/system.slice/gpurig.service/cgroup.procs": "1"}, "a setup goes on"),
    ],
)
def test_what_works_keeps_it_on(box: Box, counters: dict[str, float], files: dict[str, str], says: str) -> None:
    box.saw(600, **counters)
    for path, text in files.items():
        box.has(path, text)
    seen = box.looks()
    assert (seen["busy"], seen["idle_since"], box.stopped) == ([says], None, False)


@pytest.mark.parametrize(
    ("counters", "files"),
    [
        ({COUNTER: 0}, {RUN: "usage_usec 2900000"}),
        ({"cpu ": 0}, {"groups/cpu.stat": "usage_usec 29000000"}),
        ({"disk ": 0}, {"groups/io.stat": "8:0 rbytes=4000000 wbytes=1900000 rios=1\n"}),
        ({RX: -500_000, TX: -500_000}, {}),
    ],
    ids=["a hung training or a notebook server", "services", "a log", "an idle tunnel and what AWS's agent sends"],
)
def test_what_is_there_and_does_nothing_does_not(box: Box, counters: dict[str, float], files: dict[str, str]) -> None:
    box.saw(31, **counters)
    for path, text in files.items():
        box.has(path, text)
    assert box.looks()["busy"] == []
    assert box.stopped


@pytest.mark.parametrize(("minutes", "counts"), [(29, True), (31, False)])
def test_a_terminal_counts_for_so_long_after_its_last_key(box: Box, minutes: int, *, counts: bool) -> None:
    box.saw(600)
    box.has("pts/0", "")
    typed = time.time() - minutes * 60
    os.utime(box.folder / "pts/0", (typed, time.time()))  # written to all the time
    seen = box.looks()
    assert seen["busy"] == (["a terminal was used 29 min ago"] if counts else [])
    assert box.stopped != counts


@pytest.mark.parametrize(
    ("session", "carried", "counts"),
    [
        ("sshd: ubuntu@notty", 1e6, True),
        ("sshd: ubuntu", 1e6, True),
        ("sshd-session: admin@notty", 1e6, True),
        ("sshd: ubuntu@notty", 0, False),
        ("sshd: ubuntu [priv]", 1e6, False),
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", 1e6, False),
    ],
)
def test_a_connection_counts_by_what_it_carries(box: Box, session: str, carried: float, *, counts: bool) -> None:
    box.saw(600, **{"connection PID": -carried})
    seen = box.looks(SESSION=session)
    assert seen["busy"] == (["an SSH connection carries data"] if counts else [])
    assert box.stopped != counts


def test_a_job_of_the_cluster_counts_while_tasks_run_wherever_that_is(box: Box) -> None:
    box.saw(600)
    assert box.looks(SESSION="gpurig-cluster\\0150")["busy"] == ["a job computes"]
    assert not box.stopped


@pytest.mark.parametrize(("seconds", "counts"), [(3.1, True), (2.9, False), (0, False)])
def test_a_notebook_counts_while_its_kernel_computes(box: Box, seconds: float, *, counts: bool) -> None:
    # The line is at 5 % of a minute.
    box.saw(600, **{"run /proc/PID": -seconds})
    seen = box.looks(SESSION="/opt/tool/bin/python -m ipykernel_launcher -f kernel.json")
    assert seen["busy"] == (["a notebook computes"] if counts else [])
    assert box.stopped != counts


@pytest.mark.parametrize(
    ("gpu", "pids", "worked", "says"),
    [
        ("0 97", "", 0, ["a GPU is 97 % busy"]),
        ("0 4", "", 0, []),
        ("[N/A]", "", 0, []),
        ("[N/A]", "PID", 600, ["a process on a GPU computes"]),
        ("[N/A]", "PID", 0, []),
        ("[N/A]", "[N/A]", 0, ["a GPU does not tell whether it is in use"]),
    ],
    ids=["trains", "a desktop", "MIG, free", "MIG, trains", "MIG, held by what is hung", "MIG, cannot tell"],
)
def test_a_gpu(box: Box, gpu: str, pids: str, worked: int, says: list[str]) -> None:
    box.saw(600, **{"run 2": -worked})
    seen = box.looks(GPU=gpu, GPU_PIDS=pids.replace("PID", "2"))
    assert seen["busy"] == says
    assert box.stopped != bool(says)


def test_a_driver_that_hangs_holds_neither_the_guard_nor_the_box(box: Box) -> None:
    box.saw(31)
    before = time.monotonic()
    box.does("look", seconds=1, GPU="$(sleep 300)", GPU_PIDS="")
    assert box.stopped
    assert time.monotonic() - before < 200


@pytest.mark.parametrize(("code", "says"), [("6", "No devices were found"), ("9", "NVIDIA-SMI has failed because it")])
def test_a_broken_driver_and_a_broken_state_are_no_reason_to_run_on(box: Box, code: str, says: str) -> None:
    box.has("run/seen.json", "{")
    box.looks()
    box.has("run/seen.json", '{"counters": 3}')
    box.does("look", code=1)
    box.saw(31)
    assert box.looks(GPU=says, GPU_PIDS=says, GPU_CODE=code)["busy"] == []
    assert box.stopped


@pytest.mark.parametrize(
    ("probe", "says"),
    [
        ("exit 0", ["busyProbe says so"]),
        ("exit 1", []),
        ("exit 3", ["busyProbe does not say"]),
        ("no-such-program", ["busyProbe does not say"]),
        ('[ "$(id -un)" = nobody ] && exit 1', []),
    ],
)
def test_a_probe_of_the_users_own(box: Box, probe: str, says: list[str]) -> None:
    box = with_settings(box, busy_probe=probe)
    box.saw(31)
    assert box.looks()["busy"] == says
    assert box.stopped != bool(says)


def test_kept_awake_it_stays_on_until_then_and_no_longer(box: Box) -> None:
    box.saw(600)
    box.has("home/awake", f"{time.time() + 3600:.0f}\n")
    assert box.looks()["busy"] == []
    assert not box.stopped
    box.has("home/awake", f"{time.time() - 1:.0f}\n")
    box.saw(600)
    box.looks()
    assert box.stopped


def test_terminals_and_followers_are_told_once_that_it_is_about_to_stop(box: Box) -> None:
    box.saw(19)
    box.looks()
    assert not box.text("said")
    box.saw(21)
    box.looks()
    box.looks()
    (line,) = box.text("said").splitlines()
    assert "powers off in 9 min" in line
    assert "fab keep-awake 2h" in line
    box.saw(29)
    box.looks()
    box.looks()
    assert [" in 1 min" in line for line in box.text("said").splitlines()] == [False, True]
    assert len(box.text("run/notices").splitlines()) == 2
    assert not box.stopped


def test_the_last_words_say_why_and_run_what_the_user_wants(box: Box) -> None:
    box = with_settings(box, before_stop="echo saved by $(id -un); exit 4")
    box.has("run/why", "nobody has used it for 30 min")
    box.does("stop")
    (row,) = [json.loads(line) for line in box.text("home/stops.jsonl").splitlines()]
    assert (row["text"], row["at"]) == ("nobody has used it for 30 min", pytest.approx(time.time(), abs=60))
    assert "powers off: nobody has used it for 30 min" in box.text("said")
    assert "saved by nobody\n" in box.text("journal")
    assert "beforeStop: exit code 4" in box.text("journal")


@pytest.mark.parametrize(
    ("target", "guard", "lifetime"),
    [
        (Target(), "stop", "stop"),
        (Target(idle_stop_minutes=9), "restart", "stop"),
        (Target(lifetime_hours=9), "restart", "restart"),
    ],
)
def test_it_is_on_where_the_settings_want_it(box: Box, target: Target, guard: str, lifetime: str) -> None:
    dataclasses.replace(box, target=target).does("arm")
    did = box.text("did").splitlines()
    assert f"{guard} gpurig-guard.timer" in did
    assert f"{lifetime} gpurig-lifetime.timer" in did
