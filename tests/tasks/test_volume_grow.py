"""`fab volume-grow` where `pulumi` is stopped or would do nothing: a stand-in for it, and EC2's answers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from provision.target import Target
from tests.rehearsal.cloud.helpers import serve
from tests.tasks.test_fab import FAB, ROOT, fab
from tests.tasks.test_hosts import document, row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.handle import Cloud

KEY, NAMED = "gpurig:jobVolumeGib", "gpurig:jobVolume"
# Its settings are files. After Ctrl-C it takes a second to end, as the real one does, and leaves a sign that it has.
PULUMI = """#!/bin/bash
case "$1 $2" in
  "stack output") cat outputs ;;
  "config get") cat "$3" ;;
  "config set") echo "$4" > "$3" ;;
  up*) trap 'kill $!; sleep 1; touch ended; exit 255' INT; touch began; sleep 30 & wait ;;
esac
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud, and a stack in it whose host has a volume of 10 GiB."""
    (tmp_path / "cloud").mkdir()
    with serve(tmp_path / "cloud") as wired:
        target = Target(volume_id=wired.ec2.create_volume(AvailabilityZone="us-east-1a", Size=10)["VolumeId"])
        (tmp_path / "outputs").write_text(document(row(target=target.to_document())))
        (tmp_path / NAMED).write_text(f"{target.volume_id}\n")
        (tmp_path / KEY).write_text("10\n")
        (tmp_path / "Pulumi.yaml").touch()
        (tmp_path / "pulumi").write_text(PULUMI)
        (tmp_path / "pulumi").chmod(0o755)
        yield wired.cloud


def stopped(folder: Path, cloud: Cloud, *, fault: str = "") -> str:
    """Press Ctrl-C in the middle of `pulumi up`, with EC2 refusing from then on; returns what is said of it."""
    (folder / NAMED).unlink()
    words = [str(FAB), "--search-root", str(ROOT), "volume-grow", "--size", "20"]
    env = {**os.environ, **cloud.env, "PATH": f"{folder}:/usr/bin:/bin"}
    # A group of its own gets what a terminal sends to all programs that are in it.
    with subprocess.Popen(
        words, cwd=folder, env=env, text=True, stderr=subprocess.PIPE, start_new_session=True
    ) as grow:
        while not (folder / "began").exists():
            assert grow.poll() is None
            time.sleep(0.05)
        assert (folder / KEY).read_text() == "20\n"
        if fault:
            cloud.fault("DescribeVolumes", code=fault)
        os.killpg(grow.pid, signal.SIGINT)
        said = grow.communicate()[1]
    assert grow.returncode == 130
    assert (folder / "ended").exists()
    return said


def test_ctrl_c_waits_for_pulumi_to_end_and_sets_the_size_back(tmp_path: Path, cloud: Cloud) -> None:
    assert f"{KEY} is as it was: 10" in stopped(tmp_path, cloud)
    assert (tmp_path / KEY).read_text() == "10\n"


def test_where_nobody_knows_whether_it_grew_the_way_back_is_said(tmp_path: Path, cloud: Cloud) -> None:
    said = stopped(tmp_path, cloud, fault="RequestExpired")
    assert "RequestExpired" in said
    assert f"where none did: pulumi config set {KEY} 10" in said
    assert (tmp_path / KEY).read_text() == "20\n"


def test_a_volume_that_the_user_named_is_not_pulumis_to_grow(tmp_path: Path, cloud: Cloud) -> None:
    done = fab(tmp_path, "volume-grow", "--size", "20", **cloud.env, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 2
    assert f"aws ec2 modify-volume --volume-id {(tmp_path / NAMED).read_text().strip()} --size 20" in done.stderr
    assert (tmp_path / KEY).read_text() == "10\n"
    assert not (tmp_path / "began").exists()
