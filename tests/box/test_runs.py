"""`fab run` and the verbs around it, as a user types them, on a real box: what goes on, what ends, what is lost."""

from __future__ import annotations

import signal
import socket

import pytest

from provision.model.errors import RunInterrupted, Unreachable
from provision.model.target import Target
from provision.transport.session import Session
from provision.work.runs import Runs
from tests.box.user import User
from tests.kit.box import BOOT, Machine, quiet, run
from tests.kit.wait import until, wait_for

SECONDS = 30
"""A wait that takes longer than this on a box is none that ends."""


def test_a_command_runs_with_its_words_its_folder_and_its_exit_code(user: User) -> None:
    (user.folder / "train.py").write_text("import os, sys\nprint(sys.argv[1:], os.getcwd())\nsys.exit(7)\n")
    user.fab("sync")
    said = user.fab("run", "--", "python3", "train.py", "--epochs", "3", "two words", "$HOME;", code=7)
    assert "['--epochs', '3', 'two words', '$HOME;'] /jobs/work/project" in said
    run_of = user.ps()["train-1"]
    assert (run_of["state"], run_of["code"]) == ("failed", 7)
    assert "train-1" in user.fab("ps")
    assert "'two words'" in user.fab("logs")
    assert "'two words'" in user.fab("logs", "train-1", "--lines", "1")


def test_a_long_log_comes_whole_and_in_order(user: User) -> None:
    user.fab("run", "--name", "long-log", "--command", "seq 100000")
    whole = "\n".join(map(str, range(1, 100_001)))
    assert user.fab("logs", "long-log", "--lines", "0").rstrip("\n").endswith(whole)


def test_a_run_that_is_ended_between_two_commands_has_not_ended_well(user: User) -> None:
    said = user.fab("run", "--name", "cut", "--command", "true; kill -TERM $$; echo whole", code=143)
    assert "whole" not in said
    assert user.ps()["cut"]["state"] == "failed"


def test_a_run_is_the_accounts_own_and_has_a_login_shells_environment(user: User) -> None:
    run(user.machine, "echo 'export FROM_PROFILE=\"of $USER\"' > /etc/profile.d/gpurig-test.sh")
    text = 'echo "$FROM_PROFILE"; id -un; pwd; touch "$GPURIG_RESULTS/here"; (exit 0)'
    said = user.fab("run", "--name", "mine", "--command", text).splitlines()
    assert {"of ubuntu", "ubuntu", "/jobs/runs/mine"} <= set(said)
    assert run(user.machine, "stat -c %U /jobs/runs/mine/results/here /jobs/runs/mine/log") == "ubuntu\nubuntu\n"
    run(user.machine, "rm /etc/profile.d/gpurig-test.sh")


def test_with_a_recipe_its_environment_comes_along_where_it_is_installed(machine: Machine, user: User) -> None:
    refused = user.fab("run", "--with", "pytorch", "--", "true", code=2)
    assert 'recipe "pytorch" is not installed' in refused
    assert "fab setup-pytorch" in refused
    run(machine, "echo '{}' > /var/lib/gpurig/marks/pytorch.json")
    with Session(machine.host, tell=quiet) as session:
        runs = Runs(session, Target())
        started = runs.start('echo "$PATH for $WHO"', recipe="pytorch", env={"WHO": "it's $me"})
        lines: list[str] = []
        runs.follow(started.name, lines.append)
    run(machine, "rm /var/lib/gpurig/marks/pytorch.json")
    [line] = lines
    assert line.startswith("/opt/gpurig/pytorch/")
    assert ":/usr/bin:" in line
    assert line.endswith(" for it's $me")


def test_a_name_that_comes_back_does_not_overwrite_what_was_fetched_under_it(machine: Machine, user: User) -> None:
    user.fab("run", "--name", "twice", "--", "echo first >$GPURIG_RESULTS/said")
    user.fab("fetch", "twice")
    user.fab("fetch", "twice")
    run(machine, "rm -r /jobs/runs/twice")
    user.fab("run", "--name", "twice", "--", "echo second >$GPURIG_RESULTS/said")
    refused = user.fab("fetch", "twice", code=2)
    assert "results/twice holds the results of another run twice" in refused
    assert "--into" in refused
    assert (user.folder / "results/twice/said").read_text() == "first\n"
    (user.folder / "results/twice").rename(user.folder / "results/before")
    user.fab("fetch", "twice")
    assert (user.folder / "results/twice/said").read_text() == "second\n"


def test_what_cannot_be_is_refused_with_the_way_out(user: User) -> None:
    user.fab("run", "--name", "once", "--", "true")
    for words, parts in {
        ("run", "--name", "once", "--", "true"): ('a run "once" already', "fab logs once"),
        ("run", "--folder", "nowhere", "--", "true"): ("/jobs/work/nowhere", "fab sync"),
        ("logs", "never"): ('no run "never"', "once"),
    }.items():
        said = user.fab(*words, code=2)
        assert all(part in said for part in parts), said
    assert set(user.ps()) == {"once"}


def test_a_client_that_is_killed_or_interrupted_leaves_the_run_going(user: User) -> None:
    text = 'echo begun; until [ -e "$GPURIG_RUN/go" ]; do sleep 0.1; done; echo over; exit 4'
    client = user.begin("run", "--name", "long", "--command", text)
    wait_for(client, "begun")
    client.kill()
    client.communicate()
    again = user.begin("logs", "long", "--follow")
    wait_for(again, "begun")
    again.send_signal(signal.SIGINT)
    said, _ = again.communicate(timeout=SECONDS)
    assert again.returncode == 130
    assert "fab logs long --follow" in said
    assert "fab cancel long" in said
    assert user.ps()["long"]["state"] == "running"
    last = user.begin("logs", "--follow")
    wait_for(last, "begun")
    run(user.machine, "touch /jobs/runs/long/go")
    said, _ = last.communicate(timeout=SECONDS)
    assert said.splitlines()[0] == "over"
    assert last.returncode == 4


def test_a_connection_that_drops_is_bridged_with_no_line_lost_or_twice(machine: Machine, user: User) -> None:
    del user
    told: list[str] = []
    lines: list[str] = []
    with Session(machine.host, tell=told.append) as session:
        runs = Runs(session)
        runs.start("for i in $(seq 30); do echo line $i; sleep 0.1; done", name="drops")

        def show(line: str) -> None:
            lines.append(line)
            if len(lines) == 5:
                session.connection.transport.sock.shutdown(socket.SHUT_RDWR)

        ended = runs.follow("drops", show)
    assert lines == [f"line {number}" for number in range(1, 31)]
    assert (ended.state, ended.code) == ("done", 0)
    assert any("connecting again" in line for line in told)


def log_of(session: Session, name: str) -> list[str]:
    """Return the lines of a run's log."""
    lines: list[str] = []
    Runs(session).log(name, lines.append)
    return lines


def test_stop_asks_then_kills_and_is_the_same_twice(machine: Machine, user: User) -> None:
    kind = 'trap "echo saved; exit 0" TERM; echo ready; while :; do sleep 0.1; done'
    deaf = 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
    with Session(machine.host, tell=quiet) as session:
        for name, text in (("kind", kind), ("deaf", deaf)):
            Runs(session).start(text, name=name)
        until(lambda: all(log_of(session, name) == ["ready"] for name in ("kind", "deaf")))
    first = user.fab("cancel", "kind")
    assert "stopped" in first
    assert user.fab("cancel", "kind") == first
    assert "saved" in user.fab("logs", "kind")
    assert f"exit code {128 + signal.SIGKILL}" in user.fab("cancel", "deaf")
    assert {row["state"] for row in user.ps().values()} == {"stopped"}


def is_back(machine: Machine, before: str) -> bool:
    """Return whether the box has booted since it said `before`."""
    try:
        return run(machine, BOOT) != before
    except Unreachable:
        return False


def test_a_run_that_is_killed_or_goes_down_with_the_box_is_lost(machine: Machine, user: User) -> None:
    with Session(machine.host, tell=quiet) as session:
        for name in ("killed", "rebooted", "cut"):
            Runs(session).start("echo begun; sleep 1000", name=name)
        session.root("systemctl kill --signal=KILL gpurig-run-killed.service")
        with pytest.raises(RunInterrupted, match="KILL"):
            Runs(session).follow("killed", quiet)
    # What is there after a power cut: nobody wrote down how the run ended.
    run(machine, "cp -p /jobs/runs/cut/end /jobs/end")
    before = run(machine, BOOT)
    client = user.begin("logs", "rebooted", "--follow")
    wait_for(client, "begun")
    run(machine, "systemctl --no-block reboot")
    said, _ = client.communicate(timeout=4 * SECONDS)
    assert client.returncode == RunInterrupted.exit_code, said
    assert "the box was shut down" in said
    until(lambda: is_back(machine, before))
    run(machine, "mv /jobs/end /jobs/runs/cut/end")
    assert {name: row["state"] for name, row in user.ps().items()} == dict.fromkeys(
        ("killed", "rebooted", "cut"), "lost"
    )


def test_a_full_disk_keeps_no_exit_code_back(machine: Machine, user: User) -> None:
    small = "mount -t tmpfs -o size=256k tmpfs /jobs/runs && chown ubuntu: /jobs/runs"
    run(machine, f"install -d -o ubuntu /jobs /jobs/runs && {small}")
    try:
        user.fab("run", "--name", "hungry", "--command", 'cat /dev/zero > "$GPURIG_RESULTS/zeros"; exit 5', code=5)
        assert run(machine, "stat -f -c %a /jobs/runs") == "0\n"
        assert user.ps()["hungry"]["code"] == 5
    finally:
        run(machine, "umount /jobs/runs")
