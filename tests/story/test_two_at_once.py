"""Two rehearsals in one folder: the second is refused at once, and the first goes on as if nothing had been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.cloud.handle import Cloud
from tests.kit.fab import ROOT
from tests.kit.programs import write_program
from tests.kit.wait import until


def rehearsal(verb: str, state: Path, programs: Path) -> subprocess.Popen[str]:
    """Start what `make` runs, on a machine that has `programs` alone: too few for boxes."""
    return subprocess.Popen(
        [sys.executable, "-m", "rehearsal", verb, "--state", str(state)],
        cwd=ROOT,
        env={**os.environ, "SOURCES": "standins", "PATH": str(programs)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as a terminal's foreground job: a signal reaches all of it
    )


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A PATH whose `pulumi` takes a minute for all but its version."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("ssh-keygen", "sleep", "rm"):
        found = shutil.which(name)
        assert found, f"{name} is not on this machine"
        (folder / name).symlink_to(found)
    write_program(folder / "pulumi", '[ "$1" = version ] && echo v3 && exit\nexec sleep 60')
    return folder


@pytest.fixture
def first(tmp_path: Path, programs: Path) -> Iterator[subprocess.Popen[str]]:
    """A rehearsal in the folder `state`, in the middle of its first command."""
    process = rehearsal("story", tmp_path / "state", programs)
    until(lambda: Cloud.find(tmp_path / "state") or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)


def test_a_second_one_is_refused_and_the_first_one_keeps_its_cloud(
    first: subprocess.Popen[str], tmp_path: Path, programs: Path
) -> None:
    state = tmp_path / "state"
    cloud = Cloud.find(state)
    assert cloud is not None
    volume = cloud.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    (state / "volumes").mkdir(exist_ok=True)
    (state / "volumes" / "disk.img").write_text("bytes of the first")
    for verb in ("story", "clean"):
        second = rehearsal(verb, state, programs)
        said, error = second.communicate(timeout=30)
        assert (second.returncode, said) == (1, "")
        assert error.startswith(f"\nerror: a rehearsal is at work in {state} (process {first.pid}): wait until it is")
        assert error.endswith("for one beside it: .venv/bin/python -m rehearsal story --state FOLDER\n")
    assert [one["VolumeId"] for one in cloud.client("ec2").describe_volumes()["Volumes"]] == [volume]
    assert (state / "volumes" / "disk.img").read_text() == "bytes of the first"
    assert first.poll() is None

    os.killpg(first.pid, signal.SIGINT)
    first.communicate(timeout=60)
    assert first.returncode == 130
    after = rehearsal("clean", state, programs)
    assert after.communicate(timeout=30) == ("", "")
    assert after.returncode == 0
    assert not state.exists()


def test_what_a_killed_one_held_is_free(first: subprocess.Popen[str], tmp_path: Path, programs: Path) -> None:
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    after = rehearsal("clean", tmp_path / "state", programs)
    said, error = after.communicate(timeout=60)
    assert (after.returncode, error) == (0, "")
    assert "switching off the rehearsal cloud that was kept" in said
    assert not (tmp_path / "state").exists()
