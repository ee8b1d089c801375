"""`fab volume-grow` where `pulumi` is stopped, or must not go on: a stand-in for it, and EC2's answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.model.target import Target
from rehearsal.cloud.handle import Cloud
from tests.kit.cloud import serve
from tests.kit.fab import FAB, fab, host_row, outputs, refused
from tests.kit.programs import write_program
from tests.kit.wait import until

KEY, NAMED = "gpurig:jobVolumeGib", "gpurig:jobVolume"
# Its settings are files. After Ctrl-C it takes a second to end, as the real one does, and leaves a sign that it has.
PULUMI = """
case "$1 $2" in
  "stack export") cat outputs ;;
  "config get") cat "$3" ;;
  "config set") echo "$4" > "$3"; [ ! -e slow ] || { rm slow; echo "$@" > began; sleep 30; } ;;
  "preview --json") cat preview ;;
  preview*) echo "error: no such image" ;;
  up*) echo "$@" > began; [ ! -e enlarge ] || exec ./enlarge
    trap 'kill $!; sleep 1; touch ended; exit 255' INT; sleep 30 & wait ;;
esac
"""
STACK = "urn:pulumi:dev::gpurig::pulumi:pulumi:Stack::gpurig-dev"
VOLUME = "urn:pulumi:dev::gpurig::gpurig:infra:Box$gpurig:infra:JobVolume$aws:ebs/volume:Volume::box-jobs"
BOX = "urn:pulumi:dev::gpurig::gpurig:infra:Box$gpurig:infra:Host$aws:ec2/instance:Instance::box-g1"
RULE = "urn:pulumi:dev::gpurig::aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::box-ssh"
GROWS = [("same", STACK), ("update", VOLUME)]


def previewed(folder: Path, *steps: tuple[str, str]) -> None:
    """Have `pulumi preview --json` tell of these steps."""
    (folder / "preview").write_text(json.dumps({"steps": [{"op": op, "urn": urn} for op, urn in steps]}))


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud, and a stack in it whose host has a volume of 10 GiB."""
    (tmp_path / "cloud").mkdir()
    with serve(tmp_path / "cloud") as wired:
        target = Target(volume_id=wired.ec2.create_volume(AvailabilityZone="us-east-1a", Size=10)["VolumeId"])
        (tmp_path / "outputs").write_text(outputs(host_row(target=target.to_document())))
        (tmp_path / NAMED).write_text(f"{target.volume_id}\n")
        (tmp_path / KEY).write_text("10\n")
        (tmp_path / "Pulumi.yaml").touch()
        previewed(tmp_path, *GROWS)
        write_program(tmp_path / "pulumi", PULUMI)
        yield wired.cloud


def stopped(folder: Path, cloud: Cloud, *, fault: str = "") -> str:
    """Press Ctrl-C in the middle of what `pulumi` does, with EC2 refusing from then on; returns what is said of it."""
    (folder / NAMED).unlink()
    words = [*FAB, "volume-grow", "--size", "20", "--yes"]
    env = {**os.environ, **cloud.env, "PATH": f"{folder}:/usr/bin:/bin"}
    # A group of its own gets what a terminal sends to all programs that are in it.
    with subprocess.Popen(
        words, cwd=folder, env=env, text=True, stderr=subprocess.PIPE, start_new_session=True
    ) as grow:
        began = folder / "began"
        until(lambda: (began.exists() and began.read_text()) or grow.poll() is not None)
        assert (folder / KEY).read_text() == "20\n"
        if fault:
            cloud.fault("DescribeVolumes", code=fault)
        os.killpg(grow.pid, signal.SIGINT)
        said = grow.communicate()[1]
    assert grow.returncode == 130
    return said


def test_ctrl_c_waits_for_pulumi_to_end_and_sets_the_size_back(tmp_path: Path, cloud: Cloud) -> None:
    assert f"{KEY} is as it was: 10" in stopped(tmp_path, cloud)
    assert (tmp_path / "began").read_text().split() == ["up", "--yes", "--skip-preview"]
    assert (tmp_path / "ended").exists()
    assert (tmp_path / KEY).read_text() == "10\n"


def test_ctrl_c_while_the_size_is_set_sets_it_back(tmp_path: Path, cloud: Cloud) -> None:
    (tmp_path / "slow").touch()
    assert f"{KEY} is as it was: 10" in stopped(tmp_path, cloud)
    assert (tmp_path / "began").read_text().split()[:2] == ["config", "set"]
    assert (tmp_path / KEY).read_text() == "10\n"


def test_where_nobody_knows_whether_it_grew_the_way_back_is_said(tmp_path: Path, cloud: Cloud) -> None:
    said = stopped(tmp_path, cloud, fault="RequestExpired")
    assert (tmp_path / "ended").exists()
    assert "RequestExpired" in said
    assert f"where none did: pulumi config set {KEY} 10" in said
    assert (tmp_path / KEY).read_text() == "20\n"


def test_a_volume_that_the_user_named_is_not_pulumis_to_grow(tmp_path: Path, cloud: Cloud) -> None:
    said = refused(tmp_path, "volume-grow", "--size", "20", code=2, **cloud.env, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert f"aws ec2 modify-volume --volume-id {(tmp_path / NAMED).read_text().strip()} --size 20" in said
    assert (tmp_path / KEY).read_text() == "10\n"
    assert not (tmp_path / "began").exists()


def not_begun(folder: Path, cloud: Cloud, code: int, *, yes: bool = True) -> str:
    """Grow where nothing may be done, and return what is said of it."""
    (folder / NAMED).unlink()
    words = ["volume-grow", "--size", "20", *(["--yes"] if yes else [])]
    done = fab(folder, *words, code=code, **cloud.env, PATH=f"{folder}:/usr/bin:/bin")
    assert not (folder / "began").exists()
    assert (folder / KEY).read_text() == "10\n"
    assert f"{KEY} is as it was: 10" in done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("yes", [True, False])
def test_what_else_pulumi_would_change_is_named_and_not_done(tmp_path: Path, cloud: Cloud, *, yes: bool) -> None:
    replaced = [("create-replacement", BOX), ("replace", BOX), ("delete-replaced", BOX)]
    previewed(tmp_path, *GROWS, *replaced, ("update", RULE))
    said = not_begun(tmp_path, cloud, 2, yes=yes)
    assert said.count("box-g1") == 1
    assert "  replace aws:ec2/instance:Instance box-g1\n" in said
    assert "  update aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule box-ssh\n" in said
    assert "box-jobs" not in said
    assert "`pulumi up` makes them" in said


def test_a_volume_that_would_be_replaced_is_not_grown(tmp_path: Path, cloud: Cloud) -> None:
    previewed(tmp_path, ("delete-replaced", VOLUME), ("replace", VOLUME), ("create-replacement", VOLUME))
    assert "  replace aws:ebs/volume:Volume box-jobs\n" in not_begun(tmp_path, cloud, 2)


def test_a_preview_that_fails_says_why(tmp_path: Path, cloud: Cloud) -> None:
    (tmp_path / "preview").unlink()
    said = not_begun(tmp_path, cloud, 1)
    assert "error: no such image" in said
    assert "nothing was enlarged" in said


# `pulumi up` for several volumes: one that EC2 refuses does not keep the others from it, and it fails in the end.
ENLARGE = f"""#!{sys.executable}
import sys
sys.path[:] = {sys.path!r}
import boto3
ec2, failed = boto3.client("ec2"), 0
for volume in ec2.describe_volumes()["Volumes"]:
    try:
        if volume["Size"] < 20:
            ec2.modify_volume(VolumeId=volume["VolumeId"], Size=20)
    except ec2.exceptions.ClientError as error:
        failed = print(error) or 255
sys.exit(failed)
"""


def test_where_one_of_two_grew_the_same_command_goes_on_with_the_other(tmp_path: Path, cloud: Cloud) -> None:
    ec2, first = cloud.client("ec2"), (tmp_path / NAMED).read_text().strip()
    second = ec2.create_volume(AvailabilityZone="us-east-1a", Size=10)["VolumeId"]
    hosts = {"box": Target(volume_id=first), "box-2": Target(volume_id=second)}
    rows = [host_row(name=name, instanceId="", target=target.to_document()) for name, target in hosts.items()]
    (tmp_path / "outputs").write_text(outputs(*rows))
    (tmp_path / NAMED).unlink()
    (tmp_path / "enlarge").write_text(ENLARGE)
    (tmp_path / "enlarge").chmod(0o755)
    cloud.fault("ModifyVolume", match={"VolumeId": second}, code="VolumeModificationRateExceeded")

    def grow(code: int) -> subprocess.CompletedProcess[str]:
        words = ("volume-grow", "--size", "20", "--yes")
        return fab(tmp_path, *words, code=code, **cloud.env, PATH=f"{tmp_path}:/usr/bin:/bin")

    def sizes() -> list[int]:
        return [ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Size"] for volume in (first, second)]

    done = grow(1)
    assert "VolumeModificationRateExceeded" in done.stdout
    assert f"{KEY} stays: {first} grew; the same command goes on with the others" in done.stderr
    # Set back, the next `pulumi up` would be refused: it would have to shrink the first.
    assert (tmp_path / KEY).read_text() == "20\n"
    assert sizes() == [20, 10]
    # What is left then are the file systems, and no box answers here.
    done = grow(4)
    assert sizes() == [20, 20]
    assert (tmp_path / KEY).read_text() == "20\n"
    assert "2 of 2 hosts failed" in done.stderr
