"""`fab dataset-get` and `fab dataset-put` on a real box with a real job volume."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import signal
import subprocess
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rehearsal.user import User
from tests.kit.archives import lines, split
from tests.kit.terminal import on_a_terminal
from tests.kit.wait import until
from tests.kit.web_lab import Lab
from tests.life.datasets import ARCHIVE, PICTURES, PLACE, RANDOM, WANTED, leave, sums

CONFIG = {"jobVolumeGib": "2", "recipe": "base"}


@pytest.fixture(scope="module", autouse=True)
def box(user: User) -> Iterator[None]:
    user.up()
    user.fab("setup-datasets")
    yield
    user.destroy()


@pytest.fixture(scope="module")
def machine(user: User) -> str:
    """Return the address by which the box reaches this machine."""
    return f"{user.hosts()[0]['address'].rpartition('.')[0]}.1"


@pytest.fixture
def lab(machine: str, tmp_path: Path) -> Iterator[Lab]:
    with contextlib.closing(Lab(tmp_path, machine)) as lab:
        yield lab


def test_a_split_archive_comes_onto_the_volume_and_the_same_command_finds_it(user: User, lab: Lab) -> None:
    urls = [lab.serve(f"eyes.zip.00{i}", part, cuts=1) for i, part in enumerate(split(ARCHIVE, 5), 1)]
    said = user.fab("dataset-get", *urls, "--parallel", "3")
    assert f"{PLACE}/eyes is whole: 80 files" in said
    assert sums(user, "eyes") == WANTED
    assert user.on_box(f"stat -c %U {PLACE}/eyes; findmnt -no TARGET -T {PLACE}").split()[-2:] == ["ubuntu", "/jobs"]
    assert "is there already" in user.fab("dataset-get", *urls)
    shown = user.fab("ps")
    assert "fab dataset-get" in shown
    assert "/opt/gpurig" not in shown
    said = user.fab("dataset-get", lab.serve("x.zip", ARCHIVE), "--name", "eyes", code=2)
    assert "from other addresses" in said
    assert "--name" in said


def test_it_goes_on_when_the_laptop_leaves_and_the_same_command_follows_it(user: User, lab: Lab) -> None:
    url = lab.serve("big.bin", RANDOM.randbytes(30_000_000), stops=10_000_000)
    words = ["fab", "dataset-get", url, "--header", "Cookie: secret"]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(words, cwd=user.project, env=user.site.env, text=True, **pipes)
    served = lab.files["/big.bin"]
    until(lambda: served.given >= 10_000_000, 120)
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
    until(lambda: served.given >= 40_000_000)
    time.sleep(2)
    user.on_box("sudo systemctl kill --signal=KILL gpurig-run-get-cut-1")
    served.stops = -1
    served.go.set()
    before = served.given
    user.fab("dataset-get", url)
    assert served.given - before < 50_000_000
    assert sums(user, "cut") == {"cut.bin": hashlib.sha256(data).hexdigest()}


def test_a_full_volume_is_told_first_or_in_the_middle_and_the_same_command_goes_on(user: User, lab: Lab) -> None:
    leave(user, 200_000_000)
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


def test_an_archive_passes_through_a_volume_that_has_a_fifth_more_room_than_what_is_in_it(user: User, lab: Lab) -> None:
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w") as archive:
        for number in range(180):
            archive.writestr(f"{number}.bin", RANDOM.randbytes(1_000_000) * 8)
    urls = [lab.serve(f"large.zip.00{i}", part) for i, part in enumerate(split(goal.getbuffer(), 4), 1)]
    leave(user, 180 * 8_000_000 * 6 // 5)
    try:
        said = user.fab("dataset-get", *urls, code=1)
        assert "there is room for" in said
        assert "--frugal" in said
        assert "180 files" in user.fab("dataset-get", *urls, "--frugal")
        assert int(user.on_box(f"find {PLACE}/large -type f -size 8000000c | wc -l").split()[-1]) == 180
    finally:
        user.on_box(f"rm -r /jobs/filler {PLACE}/large")


def test_what_has_come_is_unpacked_while_the_rest_has_not_and_nothing_of_it_is_on_the_root_disk(
    user: User, lab: Lab
) -> None:
    parts = enumerate(split(ARCHIVE, 4), 1)
    urls = [lab.serve(f"passing.zip.{i:03}", part, stops=0 if i == 2 else -1) for i, part in parts]
    second = lab.files["/passing.zip.002"]
    # The packages are links, of which another box of this machine may mark the file as used.
    others = " ".join(f"-not -path '{place}/*'" for place in ("/var/log/journal", "/var/cache/apt/archives"))
    large = f"-newer /var/tmp/mark -type f -size +1M {others}"
    user.on_box("touch /var/tmp/mark")
    user.fab("dataset-get", *urls, "--detach")
    until(lambda: "sets/" in user.on_box(f"find {PLACE} -path '*/sets/*/train/cat/9.jpg' -size 100000c"), 60)
    assert ".part/files/passing.zip.003" in user.on_box(f"find {PLACE} {large}")
    assert user.on_box(f"sudo find / /tmp /run /dev/shm -xdev {large}") == ""
    assert second.given <= 1024, "all of this while the second part had not come"
    second.go.set()
    assert f"{PLACE}/passing is whole: 80 files" in user.fab("logs", "get-passing-1", "--follow")
    assert sums(user, "passing") == WANTED


def test_what_is_fetched_has_to_be_what_its_checksum_says(user: User, lab: Lab, tmp_path: Path) -> None:
    url, digest = lab.serve("checked.zip", ARCHIVE), hashlib.sha256(ARCHIVE).hexdigest()
    file = tmp_path / "SHA256SUMS"
    ways = {"checked": (str(file), str(file)), "alone": (f"sha256:{'0' * 64}", f"sha256:{digest}")}
    for name, (wrong, right) in ways.items():
        file.write_text(lines({"checked.zip": b"another"}, "sha256"), encoding="utf-8")
        said = user.fab("dataset-get", url, "--name", name, "--sums", wrong, code=1)
        assert f"error: checked.zip does not match its checksum: its sha256 is {digest}" in said
        assert name not in user.on_box(f"ls {PLACE}").split()
        file.write_text(lines({"checked.zip": ARCHIVE}, "sha256"), encoding="utf-8")
        user.fab("dataset-get", url, "--name", name, "--sums", right)
        assert sums(user, name) == WANTED


def test_a_bar_grows_on_a_terminal(user: User, lab: Lab) -> None:
    urls = [lab.serve(f"{name}.bin", RANDOM.randbytes(20_000_000), stops=10_000_000) for name in "ab"]

    def serve() -> None:
        for name, tens in (("a", 2), ("b", 7)):  # of 40 MB: noted are 8 MB of the first; all of it and 8 of the second
            line = re.compile(rf"\b{tens}\d %  ")
            # Before that there may be no run to ask about.
            until(lambda: lab.files[f"/{name}.bin"].given >= 10_000_000, 60)  # noqa: B023 - waited for here
            until(lambda: bool(line.search(user.fab("logs", "get-bars-1"))), 60)  # noqa: B023 - waited for here
            lab.files[f"/{name}.bin"].go.set()

    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        said = on_a_terminal(user, "dataset-get", *urls, "--name", "bars", "--parallel", "1")
    served.result()
    bars = [(len(bar), int(percent)) for bar, percent in re.findall(r"\[(#*) *\] (\d+) %", said)]
    assert bars == sorted(bars)
    assert {percent // 10 for _, percent in bars} >= {2, 7}
    assert all(marks == percent * 20 // 100 for marks, percent in bars)
    assert f"{PLACE}/bars is whole: 2 files" in said


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
        client.put_object(Bucket=public, Key="a/eyes.zip", Body=ARCHIVE, ACL="public-read")
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
        client.put_object(Bucket=closed, Key="eyes.zip", Body=ARCHIVE)
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
    archive.write_bytes(ARCHIVE)
    assert "80 files" in user.fab("dataset-put", str(archive), "--name", "up")
    assert sums(user, "up") == WANTED
    assert "is there already" in user.fab("dataset-put", str(archive), "--name", "up")
    said = user.fab("dataset-put", str(folder), "--name", "up", code=2)
    assert "was not uploaded" in said
