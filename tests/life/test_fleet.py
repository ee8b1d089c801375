"""`fab` over several hosts at once, on two boxes: a table, one that fails, what one has and the other has not."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.user import User
from tests.kit.archives import PICTURES, tarred
from tests.kit.page import Reader, rows
from tests.kit.recipes import write_trial
from tests.kit.terminal import on_a_terminal
from tests.kit.wait import until
from tests.kit.web_lab import Lab
from tests.life.datasets import PLACE, sums
from tests.life.fleet import NAMES, SECONDS, begin, fab, hosts_file

CONFIG = {"jobVolumeGib": "1", "hosts": "2", "recipe": "base"}
ADDRESSES = 24


@pytest.fixture(scope="module", autouse=True)
def boxes(user: User) -> Iterator[None]:
    """Both boxes, with base on them."""
    user.up()
    user.fab("setup-base")
    yield
    user.destroy()


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
    write_trial(tmp_path / "recipes", paint="", time="")
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


def test_an_install_that_fails_on_one_box_goes_on_on_the_other(user: User, tmp_path: Path) -> None:
    env = {"GPURIG_RECIPES": str(tmp_path / "recipes")}
    folder = write_trial(tmp_path / "recipes", "fit")
    (folder / "install.sh.j2").write_text(
        "[ ! -e /srv/torn ] || { echo it is torn; exit 4; }\nsleep 5\ntouch /srv/fit\n"
    )
    (folder / "verify.sh.j2").write_text("test -e /srv/fit\n")
    user.on_box("sudo touch /srv/torn", limit="box")
    done = fab(user, "setup-fit", "--json", code=6, env=env)
    at = {(row["host"], row["event"]): row["at"] for row in map(json.loads, done.stdout.splitlines()) if "at" in row}
    assert at["box-2", "ready"] > at["box", "failed"]
    assert "it is torn" in done.stderr
    summary = r'1 of 2 hosts failed:\n  box: step "fit" failed on box \(\S+\): exit code 4\n    \| it is torn\n$'
    assert re.search(summary, done.stderr)
    there = "ls /srv/fit /var/lib/gpurig/marks/fit.json 2>/dev/null | wc -l"
    assert [user.on_box(there, limit=name).strip() for name in NAMES] == ["0", "2"]
    user.on_box("sudo rm /srv/torn", limit="box")
    again = fab(user, "setup-fit", env=env).stdout
    assert re.search(r"^box +fit is ready on", again, re.MULTILINE)
    assert re.search(r"^box-2 +fit on .*: nothing to do", again, re.MULTILINE)
    assert user.on_box(there, limit="box").strip() == "2"


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
    assert "alone on box-2" in fab(user, "cancel", "alone").stdout
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


def test_an_example_of_all_leaves_its_results_by_host_and_the_timeline_has_both(user: User, tmp_path: Path) -> None:
    write_trial(tmp_path / "recipes", paint='hostname >"$GPURIG_RESULTS/who"\n')
    env = {"GPURIG_RECIPES": str(tmp_path / "recipes")}
    fab(user, "example-tiny", "--into", str(tmp_path / "into"), env=env)
    for name in NAMES:
        (who,) = (tmp_path / "into").glob(f"example-tiny-{name}-{'?' * len('20261121T120000Z')}/who")
        assert who.read_text() == user.on_box("hostname", limit=name)
    fab(user, "timeline")
    page = Reader((user.project / "timeline.html").read_text(encoding="utf-8")).stack[0]
    told = [(box.all("h2")[0].text.split()[0], rows(box)["example-tiny-1"]) for box in page.all("section")]
    assert told == [(name, "done") for name in NAMES]


def test_each_volume_has_a_snapshot_of_its_own_and_gets_back_what_was_on_it(user: User) -> None:
    fab(user, "ssh", "--command", "hostname >/jobs/whose")
    said = fab(user, "volume-snapshot").stdout
    volumes = {row["name"]: row["volumeId"] for row in user.hosts()}
    rows = user.cloud.client("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert [row["State"] for row in rows] == ["completed"] * 2
    taken = {name: row["SnapshotId"] for name in NAMES for row in rows if row["VolumeId"] == volumes[name]}
    status = [json.loads(line) for line in fab(user, "volume-status", "--json").stdout.splitlines()]
    told = [(row["host"], row["id"], row["mounted"], [one["id"] for one in row["snapshots"]]) for row in status]
    assert told == [(name, volumes[name], True, [taken[name]]) for name in NAMES]
    fab(user, "ssh", "--command", "rm /jobs/whose")
    fab(user, "volume-restore", "--path", "whose")
    for name in NAMES:
        assert f"{name:<5}  {taken[name]} of {volumes[name]} on {name}" in said
        theirs, own = user.on_box(f"cat /jobs/restored/{taken[name]}/whose; hostname", limit=name).split()
        assert theirs == own


def test_a_data_set_comes_onto_every_box_that_has_it_not(user: User, tmp_path: Path) -> None:
    machine = f"{user.hosts()[0]['address'].rpartition('.')[0]}.1"
    wanted = {name: hashlib.sha256(data).hexdigest() for name, data in PICTURES.items()}
    with contextlib.closing(Lab(tmp_path, machine)) as lab:
        words = ("dataset-get", lab.serve("eyes.tar.gz", tarred(PICTURES, "gz")))
        whole = rf"^(box(?:-2)?) +.*{PLACE}/eyes is whole: {len(PICTURES)} files"
        assert set(re.findall(whole, fab(user, *words).stdout, re.MULTILINE)) == set(NAMES)
        user.on_box(f"rm -r {PLACE}/eyes {PLACE}/.eyes.json", limit="box-2")
        again = fab(user, *words).stdout
    assert re.findall(whole, again, re.MULTILINE) == ["box-2"]
    assert re.search(r"^box +.*is there already", again, re.MULTILINE)
    for name in NAMES:
        assert sums(user, "eyes", limit=name) == wanted


def test_nothing_is_sent_to_a_box_whose_volume_is_not_there(user: User, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data").write_text("mine")
    user.on_box("sudo umount /jobs", limit="box-2")
    try:
        refused = fab(user, "sync", str(tmp_path / "work"), code=2)
        assert "the job volume is not mounted at /jobs" in refused.stderr
        assert "1 of 2 hosts failed:\n  box-2: " in refused.stderr
        assert user.on_box("ls -A /jobs", limit="box-2") == ""
        assert user.on_box("cat /jobs/work/work/data", limit="box") == "mine"
    finally:
        user.on_box("sudo systemctl restart gpurig-volume", limit="box-2")
    fab(user, "sync", str(tmp_path / "work"))
    assert user.on_box("cat /jobs/work/work/data", limit="box-2") == "mine"


def test_hosts_of_the_command_line_are_at_work_at_once(user: User, tmp_path: Path) -> None:
    env = hosts_file(user, tmp_path, {name: name for name in NAMES})
    # Neither ends before both have begun.
    wait = "touch begun; until [ -e go ]; do sleep 0.1; done; rm begun go"
    with begin(user, "-H", "box,box-2", "ssh", "--command", wait, env=env) as both:
        until(lambda: all("begun" in user.on_box("ls", limit=name) for name in NAMES))
        for name in NAMES:
            user.on_box("touch go", limit=name)
        assert both.wait(SECONDS) == 0
    assert len(fab(user, "-H", "box,box-2", "status", "--json", env=env).stdout.splitlines()) == 2
    one = fab(user, "-H", "box,box-2", "status", "--json", "--limit", "box-2", env=env).stdout
    assert json.loads(one)["host"] == "box-2"
    wrong = fab(user, "-H", "box,box-2", "ps", "--limit", "other", code=2, env=env)
    assert "--limit other: no host has that name or address" in wrong.stderr


def test_ctrl_c_says_how_to_come_back_to_each_run(user: User) -> None:
    with begin(user, "run", "--name", "long", "--", "echo begun; sleep 1000") as program:
        assert program.stdout is not None
        assert {program.stdout.readline().split()[0] for _ in NAMES} == set(NAMES)
        program.send_signal(signal.SIGINT)
        said = program.communicate(timeout=SECONDS)[1]
    assert program.returncode == 130
    for name in NAMES:
        assert f"long goes on on {name}" in said
    assert said.count("fab cancel long") == 1
    rows = [json.loads(line) for line in fab(user, "ps", "--json").stdout.splitlines()]
    assert [row["state"] for row in rows if row["name"] == "long"] == ["running"] * 2
    assert fab(user, "cancel", "long").stdout.count("stopped") == 2


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
