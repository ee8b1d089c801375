"""A spot box from its notice to the next box: what runs saves itself, the volume is let go of, and all goes on there.

The tests build on one another, in order: one box is taken, the next one too.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rehearsal.user import User
from tests.kit.wait import until, wait_for
from tests.life.fleet import begin, fab
from tests.life.volumes import job_volume

CONFIG = {"jobVolumeGib": "1", "spot": "true", "recipe": "base"}
SAVES = 13
"""Seconds that the training takes to save itself: more than systemd's own end of a run had been."""
NOTICE = 60
TRAIN = f"""
import os, signal, sys, time
from pathlib import Path

last = Path(os.environ["GPURIG_RESULTS"], "last")

def save(*_):
    time.sleep({SAVES})
    last.write_text(str(step))
    print("saved at", step, flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, save)
step = int(last.read_text()) if "--from" in sys.argv else 0
print("begins at", step, "resumed", os.environ.get("GPURIG_RESUMED"), os.environ.get("GPURIG_RESUMES"), flush=True)
while "--from" not in sys.argv:
    step += 1
    time.sleep(0.1)
Path(os.environ["GPURIG_RESULTS"], "model").write_text("whole")
"""


@pytest.fixture(scope="module", autouse=True)
def box(user: User, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A spot box with three runs: one that saves itself, one that does not listen, one that is begun anew."""
    user.up()
    user.fab("setup-base")
    folder = tmp_path_factory.mktemp("work") / "mnist"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    user.fab("sync", str(folder))
    again = "python3 train.py --from last"
    user.fab("run", "--folder", "mnist", "--name", "train", "--resume", again, "--detach", "--", "python3", "train.py")
    deaf = 'trap "" TERM; echo deaf; while :; do sleep 0.1; done'
    user.fab("run", "--name", "deaf", "--no-resume", "--detach", "--command", deaf)
    user.fab("run", "--name", "plain", "--detach", "--", "echo begun ${GPURIG_RESUMES-never}; sleep 10000")
    until(lambda: "begins at 0" in user.fab("logs", "train") and "begun" in user.fab("logs", "plain"))


def ps(user: User) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in map(json.loads, fab(user, "ps", "--json").stdout.splitlines())}


def instance(user: User) -> str:
    return str(user.hosts()[0]["instanceId"])


def state(user: User, identifier: str) -> str:
    rows = user.cloud.client("ec2").describe_instances(InstanceIds=[identifier])["Reservations"]
    return str(rows[0]["Instances"][0]["State"]["Name"])


def notices(user: User) -> list[str]:
    journal = user.on_box("sudo cat /var/lib/gpurig/journal.jsonl").splitlines()
    events = [json.loads(line) for line in journal if line.startswith("{")]
    return [event["what"] + event["why"] for event in events if event["event"] == "notice"]


def test_a_recommendation_is_told_and_nothing_else(user: User) -> None:
    user.cloud.interrupt(instance(user), rebalance=True)
    until(lambda: notices(user) == ["rebalance"], 30)
    assert "likelier to be taken" in user.fab("logs", "train")
    assert {row["state"] for row in ps(user).values()} == {"running"}


def test_runs_have_all_the_time_there_is_and_the_volume_is_let_go_of(user: User, tmp_path: Path) -> None:
    lost = instance(user)
    follower = begin(user, "logs", "train", "--follow")
    user.cloud.interrupt(lost, NOTICE)
    wait_for(follower, "gpurig: EC2 takes this spot box at")
    assert "EC2 takes this box at" in user.fab("run", "--", "true", code=2)
    said, wrong = follower.communicate(timeout=NOTICE)
    assert "saved at" in said, wrong
    assert (follower.returncode, "train on box" in wrong, "fab resume" in wrong) == (7, True, True)
    until(lambda: notices(user)[1:] == ["taken", "left"], NOTICE)
    assert "gone" in user.on_box("mountpoint -q /jobs || echo gone")
    assert "EC2 takes this spot box at" in user.fab("status")
    user.fab("timeline", "--output", str(tmp_path / "page.html"))
    assert "EC2 takes the box" in (tmp_path / "page.html").read_text()
    until(lambda: state(user, lost) == "terminated", NOTICE)
    about = subprocess.run(["dumpe2fs", "-h", image(user)], capture_output=True, text=True, check=True).stdout
    assert "needs_recovery" not in about
    assert "clean" in next(line for line in about.splitlines() if line.startswith("Filesystem state"))


def image(user: User) -> Path:
    return user.cloud.state / "volumes" / f"{job_volume(user)['VolumeId']}.img"


def test_the_plan_makes_nothing(user: User) -> None:
    lost = instance(user)
    said = user.fab("resume", "--plan")
    assert f"({lost}) was terminated: EC2 took the spot instance back" in said
    assert "pulumi up" in said
    assert instance(user) == lost


def test_resume_brings_the_next_box_and_what_was_cut_off_goes_on(user: User) -> None:
    lost, volume = instance(user), job_volume(user)["VolumeId"]
    said = user.fab("resume", "--detach")
    assert instance(user) != lost
    assert job_volume(user)["VolumeId"] == volume
    assert "train goes on" in said
    assert "python3 train.py --from last" in said
    until(lambda: ps(user)["train"]["state"] == "done")
    log = user.fab("logs", "train", "--lines", "0")
    (saved,) = [line.split()[-1] for line in log.splitlines() if line.startswith("saved at")]
    assert f"begins at {saved} resumed 1 1" in log
    assert log.index("begins at 0 resumed None None") < log.index("started again on")
    runs = ps(user)
    assert (runs["plain"]["state"], runs["plain"]["resumed"]) == ("running", 1)
    assert (runs["deaf"]["state"], runs["deaf"]["resumed"]) == ("interrupted", 0)
    user.fab("fetch", "train")
    results = user.project / "results" / "train"
    assert (results / "model").read_text() == "whole"
    assert (results / "last").read_text() == saved


def test_resuming_once_more_starts_nothing_twice(user: User) -> None:
    before = ps(user)
    assert "nothing on box" in user.fab("resume", "--detach")
    user.fab("resume", "plain", "--detach")
    assert "train is done" in user.fab("resume", "train", code=2)
    after = ps(user)
    assert {name: row["resumed"] for name, row in after.items()} == {n: row["resumed"] for n, row in before.items()}
    assert instance(user)


def test_a_box_that_goes_without_notice_is_made_up_for_too(user: User) -> None:
    lost = instance(user)
    user.cloud.client("ec2").terminate_instances(InstanceIds=[lost])
    until(lambda: state(user, lost) == "terminated", 120)
    user.fab("resume", "--detach")
    assert instance(user) != lost
    until(lambda: "begun 2" in user.fab("logs", "plain"))
    assert "stopped after" in user.fab("cancel", "plain")
    assert "nothing on box" in user.fab("resume", "--plan")


def test_nothing_is_left_over(user: User) -> None:
    user.destroy()
    ec2 = user.cloud.client("ec2")
    rows = [row for group in ec2.describe_instances()["Reservations"] for row in group["Instances"]]
    assert {row["State"]["Name"] for row in rows} == {"terminated"}
    assert ec2.describe_volumes()["Volumes"] == []
