"""`fab` over several hosts at once, on two boxes: a table, one that fails, what one has and the other has not."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.tasks.test_trial import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from rehearsal.user import User

CONFIG = {"jobVolumeGib": "1", "hosts": "2", "recipe": "base"}
NAMES = ("box", "box-2")
SECONDS = 120
ADDRESSES = 24
NO_ENV: Mapping[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def boxes(user: User) -> Iterator[None]:
    """Both boxes, with base on them."""
    user.up()
    user.fab("setup-base")
    yield
    user.destroy()


def fab(user: User, *words: str, code: int = 0, env: Mapping[str, str] = NO_ENV) -> subprocess.CompletedProcess[str]:
    """Run `fab`, its two outputs apart; it has to end with that exit code."""
    environment = {**user.site.env, **env}
    done = subprocess.run(
        ["fab", *words],
        cwd=user.project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def hosts_file(user: User, path: Path, names: dict[str, str], extra: str = "") -> dict[str, str]:
    """Write a hosts file (name → name of a box) and return the environment in which it counts, and its boxes' keys."""
    address = {row["name"]: row["address"] for row in user.hosts()}
    (path / "hosts.toml").write_text(
        "".join(f'[host.{name}]\naddress = "{address[box]}"\ngpu = "none"\n' for name, box in names.items()) + extra
    )
    pins = (user.project / ".gpurig" / "known_hosts").read_text()
    for row in user.hosts():
        pins = pins.replace(row["instanceId"], row["address"])
    (path / ".ssh").mkdir()
    (path / ".ssh" / "known_hosts").write_text(pins)
    return {"GPURIG_HOSTS": str(path / "hosts.toml"), "HOME": str(path)}


def test_one_that_fails_stops_no_other_and_the_summary_names_it(user: User, tmp_path: Path) -> None:
    dead = '[host.dead]\naddress = "127.0.0.1"\nport = 9\ngpu = "none"\n'
    env = hosts_file(user, tmp_path, {name: name for name in NAMES}, dead)
    done = fab(user, "status", "--json", code=4, env=env)
    assert {json.loads(line)["host"] for line in done.stdout.splitlines()} == set(NAMES)
    assert "dead   error: dead (127.0.0.1) does not answer on port 9" in done.stderr
    *_, count, who = done.stderr.splitlines()
    assert count == "1 of 3 hosts failed:"
    assert who.startswith("  dead: ")
    assert "failed" not in fab(user, "status", "--json", "--limit", "box,box-2", env=env).stderr


def test_a_command_of_all_comes_under_their_names_with_its_exit_code(user: User) -> None:
    done = fab(user, "ssh", "--command", "echo out; printf 'no end'; echo err >&2")
    for name in NAMES:
        assert f"{name:<5}  out\n" in done.stdout
        assert f"{name:<5}  no end\n" in done.stdout
        assert f"{name:<5}  err\n" in done.stderr
    failed = fab(user, "ssh", "--command", "exit 3", code=3)
    assert "2 of 2 hosts failed:\n  box, box-2: exit code 3 of exit 3" in failed.stderr
    assert fab(user, "ssh", "--command", "echo alone", "--limit", "box-2").stdout == "alone\n"


def test_a_recipe_is_set_up_on_all_and_only_its_own_lines_stand_there(user: User, tmp_path: Path) -> None:
    recipe(tmp_path / "recipes", paint="", time="")
    env = {"GPURIG_RECIPES": str(tmp_path / "recipes")}
    assert len(re.findall(r"^box(?:-2)? +tiny is ready on", fab(user, "setup-tiny", env=env).stdout, re.MULTILINE)) == 2
    done = fab(user, "setup-tiny", env=env)
    planned = fab(user, "plan", "--recipe", "tiny", env=env).stdout
    for row in user.hosts():
        where = f"tiny on {row['name']} ({row['address']})"
        assert f"{row['name']:<5}  {where}: nothing to do" in done.stdout
        assert f"{where}:\n  tiny" in planned
    events = [json.loads(line) for line in fab(user, "setup-tiny", "--json", env=env).stdout.splitlines()]
    assert {event["host"] for event in events if event["event"] == "unchanged"} == set(NAMES)


def test_runs_start_on_all_and_are_found_on_those_that_have_them(user: User, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "say.sh").write_text("hostname; cp say.sh $GPURIG_RESULTS/\nexit ${1:-0}\n")
    sent = fab(user, "sync", str(work)).stdout
    assert {line.split()[0] for line in sent.splitlines()} == set(NAMES)
    done = fab(user, "run", "--folder", "work", "--", "sh", "say.sh", "5", code=5)
    assert {line.split()[0] for line in done.stdout.splitlines()} == set(NAMES)
    assert "2 of 2 hosts failed:" in done.stderr
    fab(user, "run", "--limit", "box-2", "--name", "alone", "--folder", "work", "--", "sh", "say.sh")
    rows = [json.loads(line) for line in fab(user, "ps", "--json").stdout.splitlines()]
    assert [(row["host"], row["name"], row["code"]) for row in rows] == [
        ("box", "say-1", 5),
        ("box-2", "alone", 0),
        ("box-2", "say-1", 5),
    ]
    # What one of them has is found by its name alone; the other is no failure.
    logs = fab(user, "logs", "alone")
    assert [line.split()[0] for line in logs.stdout.splitlines()] == ["box-2"]
    assert "error" not in logs.stderr
    assert "alone on box-2" in fab(user, "stop", "alone").stdout
    nowhere = fab(user, "logs", "never", code=2)
    assert 'box    error: there is no run "never"' in nowhere.stderr
    assert "2 of 2 hosts failed:" in nowhere.stderr


def test_results_of_several_come_into_a_folder_each(user: User) -> None:
    fab(user, "run", "--name", "both", "--", "hostname >$GPURIG_RESULTS/who")
    fab(user, "run", "--limit", "box", "--name", "single", "--", "hostname >$GPURIG_RESULTS/who")
    results = user.project / "results"
    fab(user, "fetch", "both")
    assert len({(results / name / "both" / "who").read_text() for name in NAMES}) == 2
    fab(user, "fetch", "single")
    assert (results / "box" / "single" / "who").exists()
    assert not (results / "box-2" / "single").exists()
    fab(user, "fetch", "both", "--limit", "box-2")
    assert (results / "both" / "who").read_text() == (results / "box-2" / "both" / "who").read_text()


def test_nothing_is_sent_to_a_box_whose_volume_is_not_there(user: User, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data").write_text("mine")
    user.on_box("sudo umount /jobs", limit="box-2")
    try:
        refused = fab(user, "sync", str(tmp_path / "work"), code=2)
        assert "the job volume is not mounted at /jobs" in refused.stderr
        assert "1 of 2 hosts failed:\n  box-2: " in refused.stderr
        assert user.on_box("ls -A /jobs", limit="box-2") == ""
    finally:
        user.on_box("sudo systemctl restart gpurig-volume", limit="box-2")
    fab(user, "sync", str(tmp_path / "work"))
    assert user.on_box("cat /jobs/work/work/data", limit="box-2") == "mine"


def test_hosts_of_the_command_line_are_at_work_at_once(user: User, tmp_path: Path) -> None:
    env = hosts_file(user, tmp_path, {name: name for name in NAMES})
    began = [
        float(line.split()[1])
        for line in fab(
            user, "-H", "box,box-2", "ssh", "--command", "date +%s.%N; sleep 5", env=env
        ).stdout.splitlines()
    ]
    assert len(began) == 2
    # The second began before the first one's 5 s were over.
    assert max(began) - min(began) < 5
    assert len(fab(user, "-H", "box,box-2", "status", "--json", env=env).stdout.splitlines()) == 2
    one = fab(user, "-H", "box,box-2", "status", "--json", "--limit", "box-2", env=env).stdout
    assert json.loads(one)["host"] == "box-2"
    wrong = fab(user, "-H", "box,box-2", "ps", "--limit", "other", code=2, env=env)
    assert "--limit other: no host has that name or address" in wrong.stderr


def test_ctrl_c_says_how_to_come_back_to_each_run(user: User) -> None:
    command = ["fab", "run", "--name", "long", "--", "echo begun; sleep 1000"]
    with subprocess.Popen(
        command, cwd=user.project, env=user.site.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert {program.stdout.readline().split()[0] for _ in NAMES} == set(NAMES)
        program.send_signal(signal.SIGINT)
        said = program.communicate(timeout=SECONDS)[1]
    assert program.returncode == 130
    for name in NAMES:
        assert f"long goes on on {name}" in said
    assert said.count("fab stop long") == 1
    rows = [json.loads(line) for line in fab(user, "ps", "--json").stdout.splitlines()]
    assert [row["state"] for row in rows if row["name"] == "long"] == ["running"] * 2
    assert fab(user, "stop", "long").stdout.count("stopped") == 2


def on_a_terminal(user: User, *words: str) -> str:
    """Run `fab` on a terminal of 100 columns and return all that it was sent, control sequences included."""
    terminal, end = pty.openpty()
    env = {**user.site.env, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    seen = b""
    with subprocess.Popen(["fab", *words], cwd=user.project, env=env, stdin=end, stdout=end, stderr=end) as program:
        os.close(end)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                if select.select([terminal], [], [], 1)[0]:
                    seen += os.read(terminal, 65536)
            except OSError:  # how a terminal ends on Linux
                break
    os.close(terminal)
    assert program.returncode == 0, seen
    return seen.decode()


def test_a_terminal_shows_a_row_per_host_while_they_work(user: User) -> None:
    seen = on_a_terminal(user, "ssh", "--command", "sleep 2; echo over")
    for name in NAMES:
        # A frame of what moves, the host, how long, and what.
        assert re.search(rf"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] +{name} +\d+ s +sleep 2; echo over", seen), seen
        assert re.search(rf"{name} +over\r?\n", seen), seen


def test_many_names_of_the_boxes_answer_at_once_although_sshd_turns_some_away(user: User, tmp_path: Path) -> None:
    names = {f"n{number}": NAMES[number % 2] for number in range(ADDRESSES)}
    done = fab(user, "status", "--json", env=hosts_file(user, tmp_path, names))
    assert {json.loads(line)["host"] for line in done.stdout.splitlines()} == set(names)
