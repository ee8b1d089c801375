"""`fab dataset-get` and `fab dataset-put` on a real box with a real job volume."""

from __future__ import annotations

import hashlib
import io
import random
import re
import signal
import subprocess
import time
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.recipes.web_lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.user import User

CONFIG = {"jobVolumeGib": "1", "recipe": "base"}
PLACE = "/jobs/datasets"
RANDOM = random.Random(5)  # noqa: S311 - contents of files
PICTURES = {f"train/{kind}/{i}.jpg": RANDOM.randbytes(100_000) for kind in ("cat", "dog") for i in range(40)}


def zipped() -> bytes:
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w") as archive:
        for name, data in PICTURES.items():
            archive.writestr(name, data)
    return goal.getvalue()


@pytest.fixture(scope="module", autouse=True)
def box(user: User) -> Iterator[None]:
    user.up()
    yield
    user.destroy()


@pytest.fixture(scope="module")
def machine(user: User) -> str:
    """Return the address by which the box reaches this machine."""
    return f"{user.hosts()[0]['address'].rpartition('.')[0]}.1"


@pytest.fixture
def lab(machine: str, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, machine)
    yield lab
    lab.close()


def sums(user: User, name: str) -> dict[str, str]:
    """Return the checksums of a data set's files."""
    said = user.on_box(f"cd {PLACE}/{name} && find . -type f -exec sha256sum {{}} +")
    found = re.findall(r"^([0-9a-f]{64})  \./(.+)$", said, re.MULTILINE)
    return {path: digest for digest, path in found}


WANTED = {name: hashlib.sha256(data).hexdigest() for name, data in PICTURES.items()}


def test_a_split_archive_comes_onto_the_volume_and_the_same_command_finds_it(user: User, lab: Lab) -> None:
    data = zipped()
    size = len(data) // 5 + 1
    urls = [lab.serve(f"eyes.zip.{i + 1:03}", data[i * size : (i + 1) * size], cuts=1) for i in range(5)]
    said = user.fab("dataset-get", *urls, "--parallel", "3")
    assert f"{PLACE}/eyes is whole: 80 files" in said
    assert sums(user, "eyes") == WANTED
    assert user.on_box(f"stat -c %U {PLACE}/eyes; findmnt -no TARGET -T {PLACE}").split()[-2:] == ["ubuntu", "/jobs"]
    assert "is there already" in user.fab("dataset-get", *urls)
    shown = user.fab("ps")
    assert "fab dataset-get" in shown
    assert "/opt/gpurig" not in shown
    said = user.fab("dataset-get", lab.serve("x.zip", data), "--name", "eyes", code=2)
    assert "from other addresses" in said
    assert "--name" in said


def test_it_goes_on_when_the_laptop_leaves_and_the_same_command_follows_it(user: User, lab: Lab) -> None:
    url = lab.serve("big.bin", RANDOM.randbytes(30_000_000), stops=10_000_000)
    words = ["fab", "dataset-get", url, "--header", "Cookie: secret"]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(words, cwd=user.project, env=user.site.env, text=True, **pipes)
    served = lab.files["/big.bin"]
    deadline = time.monotonic() + 120
    while served.given < 10_000_000 and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "get-big-1 goes on" in said
    assert "secret" not in user.on_box("ps -eo args; cat /jobs/runs/get-big-1/run.json /jobs/runs/get-big-1/script")
    follower = subprocess.Popen(words, cwd=user.project, env=user.site.env, text=True, **pipes)
    time.sleep(5)
    served.go.set()
    said, _ = follower.communicate(timeout=120)
    assert follower.returncode == 0, said
    assert "get-big-1 does it already" in said
    assert f"{PLACE}/big is whole: 1 file" in said
    assert served.asked[-1]["Cookie"] == "secret"


def test_a_download_that_was_killed_goes_on_where_it_was(user: User, lab: Lab) -> None:
    data = RANDOM.randbytes(60_000_000)
    url = lab.serve("cut.bin", data, stops=40_000_000)
    user.fab("dataset-get", url, "--detach")
    served = lab.files["/cut.bin"]
    deadline = time.monotonic() + 60
    while served.given < 40_000_000 and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(2)
    user.on_box("sudo systemctl kill --signal=KILL gpurig-run-get-cut-1")
    served.stops = -1
    served.go.set()
    before = served.given
    user.fab("dataset-get", url)
    assert served.given - before < 50_000_000
    assert sums(user, "cut") == {"cut.bin": hashlib.sha256(data).hexdigest()}


def test_a_full_volume_is_told_first_or_in_the_middle_and_the_same_command_goes_on(user: User, lab: Lab) -> None:
    user.on_box("fallocate -l 700M /jobs/filler")
    data = RANDOM.randbytes(1_000_000) * 300
    said = user.fab("dataset-get", lab.serve("known.bin", data), code=1)
    assert "this takes at least 286.1 MiB" in said
    assert "fab volume-grow" in said
    url = lab.serve("unknown.bin", data, ranges=False, length=False)
    said = user.fab("dataset-get", url, code=1)
    assert "the volume is full" in said
    assert "fab volume-grow" in said
    assert "unknown\n" not in user.on_box(f"ls {PLACE}")
    user.on_box("rm /jobs/filler")
    assert f"{PLACE}/unknown is whole" in user.fab("dataset-get", url)
    user.on_box(f"rm -r {PLACE}/unknown")


def test_an_archive_passes_through_a_volume_that_has_no_room_for_it_and_what_is_in_it(user: User, lab: Lab) -> None:
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}.bin", RANDOM.randbytes(1_000_000) * 8)
    data = goal.getvalue()
    size = len(data) // 4 + 1
    urls = [lab.serve(f"large.zip.{i + 1:03}", data[i * size : (i + 1) * size]) for i in range(4)]
    room = "$(($(df --output=avail --block-size=1 /jobs | tail -n 1) - 620000000))"
    user.on_box(f"fallocate -l {room} /jobs/filler")
    try:
        said = user.fab("dataset-get", *urls, code=1)
        assert "there is room for" in said
        assert "--frugal" in said
        assert "40 files" in user.fab("dataset-get", *urls, "--frugal")
        assert int(user.on_box(f"find {PLACE}/large -type f | wc -l").split()[-1]) == 40
    finally:
        user.on_box(f"rm -r /jobs/filler {PLACE}/large")


def test_from_s3_by_key_and_by_prefix(user: User, machine: str) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(machine, 0, verbose=False)
    server.start()
    try:
        endpoint = f"http://{machine}:{server._server.server_port}"
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=endpoint, **keys)
        # Of this test alone: moto keeps its buckets for the whole process.
        public, closed = f"open-{uuid.uuid4().hex}", f"closed-{uuid.uuid4().hex}"
        client.create_bucket(Bucket=public)
        # What anybody may read: a role that may read nothing must not be in the way.
        client.put_bucket_acl(Bucket=public, ACL="public-read")
        client.put_object(Bucket=public, Key="a/eyes.zip", Body=zipped(), ACL="public-read")
        for name in ("one.txt", "deep/two.txt"):
            client.put_object(Bucket=public, Key=f"some/{name}", Body=name.encode(), ACL="public-read")
        said = user.fab("dataset-get", f"s3://{public}/a/eyes.zip", "--name", "from-s3", "--s3-endpoint", endpoint)
        assert "80 files" in said
        assert sums(user, "from-s3") == WANTED
        user.fab("dataset-get", f"s3://{public}/some/", "--s3-endpoint", endpoint)
        assert user.on_box(f"cat {PLACE}/some/one.txt {PLACE}/some/deep/two.txt").endswith("one.txtdeep/two.txt")
        said = user.fab("dataset-get", f"s3://{public}/none", "--s3-endpoint", endpoint, code=2)
        assert "no such object" in said
        client.create_bucket(Bucket=closed)
        client.put_object(Bucket=closed, Key="eyes.zip", Body=zipped())
        said = user.fab("dataset-get", f"s3://{closed}/eyes.zip", "--name", "closed", "--s3-endpoint", endpoint, code=2)
        assert "add this one to gpurig:s3Buckets" in said
    finally:
        server.stop()


def test_a_folder_and_an_archive_go_up_from_the_laptop(user: User, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for name, data in PICTURES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / ".gitignore").write_text("*.jpg\n", encoding="utf-8")
    assert "81 files sent" in user.fab("dataset-put", str(folder))
    (folder / "train/cat/0.jpg").write_bytes(b"new")
    (folder / "train/cat/1.jpg").unlink()
    said = user.fab("dataset-put", str(folder))
    assert "1 file sent" in said
    assert "1 deleted" in said
    assert user.on_box(f"cat {PLACE}/mine/train/cat/0.jpg").endswith("new")
    assert "mine.part" not in user.on_box(f"ls -A {PLACE}")
    archive = tmp_path / "eyes.zip"
    archive.write_bytes(zipped())
    assert "80 files" in user.fab("dataset-put", str(archive), "--name", "up")
    assert sums(user, "up") == WANTED
    assert "is there already" in user.fab("dataset-put", str(archive), "--name", "up")
    said = user.fab("dataset-put", str(folder), "--name", "up", code=2)
    assert "was not uploaded" in said
