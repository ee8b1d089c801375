"""Where the program which fetches data sets gets them from: servers of all kinds, S3, checksums; and what it leaves."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.kit.archives import PICTURES, lines, split, tarred, zipped
from tests.kit.wait import until
from tests.kit.web_lab import LARGE, Lab, ended

GO_ON = "the same command goes on from there"


def test_a_server_that_says_no_length(lab: Lab) -> None:
    lab.get(lab.serve("t.tar.gz", tarred(PICTURES, "gz"), ranges=False, length=False))
    assert lab.tree() == PICTURES


def test_a_file_that_changed_meanwhile_begins_anew(lab: Lab) -> None:
    url = lab.serve("x.bin", LARGE, stops=30_000_000)
    process = lab.start(url)
    journal = lab.folder / ".train.part" / "files" / "x.bin.have"
    until(lambda: journal.exists() and len(journal.read_text(encoding="utf-8").splitlines()) > 3)
    process.kill()
    process.communicate()
    lab.files["/x.bin"].go.set()
    other = LARGE[::-1]
    lab.serve("x.bin", other, etag='"two"')
    assert "begins anew" in lab.get(url)
    assert lab.tree() == {"x.bin": other}


def test_a_file_that_changes_while_it_comes_is_never_half_the_one_and_half_the_other(lab: Lab) -> None:
    url = lab.serve("x.bin", LARGE, stops=20_000_000, cuts=1)
    process = lab.start(url)
    served = lab.files["/x.bin"]
    until(lambda: served.given > 15_000_000)
    lab.serve("x.bin", LARGE[::-1], etag='"two"')
    served.go.set()
    ended(process)
    assert lab.tree() in ({"x.bin": LARGE[::-1]}, {"x.bin": LARGE})


def test_a_server_that_cannot_be_reached_is_told_with_what_to_look_at(lab: Lab) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/x.zip"
        said = lab.get(f"{url}?signature=secret", code=1)
        sums = lab.get(lab.serve("t.zip", zipped(PICTURES)), code=1, sums={"origin": url})
    assert f"{url} cannot be reached: Connection refused (4 tries)" in said
    assert f"fab ssh --command 'curl -sSI {url}'" in said
    assert "secret" not in said
    assert f"--sums: {url} cannot be reached" in sums


def test_a_connection_that_ends_too_early_unseen_is_no_shorter_archive(lab: Lab) -> None:
    # The first of the two is the look at its first bytes.
    url = lab.serve("t.zip", zipped(PICTURES), length=False, ranges=False, cuts=2)
    assert f"nobody says how long {url} is" in lab.get(url, code=1)
    lab.get(url)
    assert lab.tree() == PICTURES


@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_that_never_gives_the_rest_is_given_up_and_what_came_is_kept(lab: Lab, ranges: bool) -> None:
    url = lab.serve("x.bin", LARGE, statuses=[503] * 99, ranges=ranges)
    said = lab.get(url, code=1, env={"GPURIG_GET_TRIES": "3"})
    assert "503" in said
    assert "(3 tries)" in said
    assert GO_ON in said
    lab.files["/x.bin"].statuses.clear()
    lab.get(url)
    assert lab.tree() == {"x.bin": LARGE}


def test_a_header_goes_to_the_server_it_is_for_and_to_no_other(lab: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path)
    try:
        goal = other.serve("x.zip", zipped(PICTURES))
        url = lab.serve("login", b"", wants=("Cookie", "secret"), goal=goal)
        assert "403" in lab.get(url, code=2)
        said = lab.get(url, headers={"Cookie": "secret"}, unpack=False)
        assert "secret" not in said
        assert all("Cookie" not in head for head in other.files["/x.zip"].asked)
        here = lab.serve("again", b"", wants=("Cookie", "secret"), goal=lab.url("x.bin"))
        lab.serve("x.bin", b"x", wants=("Cookie", "secret"))
        lab.get(here, headers={"Cookie": "secret"}, name="here")
        assert lab.tree("here") == {"x.bin": b"x"}
    finally:
        other.close()


def test_the_server_may_say_the_name(lab: Lab) -> None:
    named = lab.serve("download", zipped(PICTURES), disposition='attachment; filename="../../train.zip"')
    lab.get(named)
    assert lab.tree() == PICTURES
    assert lab.left() == {"train", ".train.json"}


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_checksums_are_looked_at(lab: Lab, kind: str) -> None:
    parts = {f"t.zip.{i + 1:03}": part for i, part in enumerate(split(zipped(PICTURES), 3))}
    urls = [lab.serve(name, part) for name, part in parts.items()]
    urls.append(lab.serve("labels.csv", b"a\t1\n"))
    right = {**parts, "labels.csv": b"a\t1\n"}
    for wrong in ("t.zip.002", "labels.csv"):
        text = lines({**right, wrong: b"another"}, kind)
        said = lab.get(*urls, code=1, sums={"origin": "SUMS", "text": text})
        assert f"{wrong} does not match its checksum" in said
        assert f"the same command fetches {lab.url(wrong)} again" in said
        assert "train" not in lab.left()
    lab.get(*urls, sums={"origin": lab.serve("SUMS", lines(right, kind).encode(), kind="text/plain")})
    assert lab.tree() == {**PICTURES, "labels.csv": b"a\t1\n"}


def test_a_checksum_of_the_joined_archive_will_do(lab: Lab) -> None:
    data = tarred(PICTURES, "gz")
    urls = [lab.serve(f"t.tar.gz.{i + 1}", part) for i, part in enumerate(split(data, 3))]
    bad = {"origin": "SUMS", "text": lines({"t.tar.gz": b"other"}, "sha256")}
    assert "t.tar.gz.1 to t.tar.gz.3, joined, does not match" in lab.get(*urls, code=1, sums=bad)
    lab.get(*urls, sums={"origin": "SUMS", "text": lines({"./data/t.tar.gz": data}, "sha512")})
    assert lab.tree() == PICTURES


@pytest.mark.parametrize(
    ("sums", "words"),
    [
        ({"origin": "SUMS", "text": "see the web site\n"}, "SUMS holds no checksums"),
        (
            {"origin": "SUMS", "text": f"{'0' * 64}  other.zip\n"},
            "SUMS has no checksum of t.zip\ngpurig: it has those of other.zip",
        ),
        ({"single": "sha256:12"}, "--sums sha256:12"),
    ],
)
def test_checksums_that_say_nothing_of_a_file_are_refused_first(lab: Lab, sums: dict[str, str], words: str) -> None:
    url = lab.serve("t.zip", zipped(PICTURES))
    assert words in lab.get(url, code=2, sums=sums)
    assert lab.files["/t.zip"].given <= 1024


def test_s3_with_credentials_gives_a_large_object_in_pieces_and_all_below_a_prefix(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    for key, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_CONFIG_FILE": "none"}.items():
        monkeypatch.setenv(key, value)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="data")
        client.put_object(Bucket="data", Key="x 100%.bin", Body=LARGE * 2)
        client.put_object(Bucket="data", Key="some/", Body=b"")
        for number in range(1100):  # more than one of S3's lists holds
            client.put_object(Bucket="data", Key=f"some/{number % 7}/{number}.txt", Body=str(number).encode())
        lab.get("s3://data/x 100%.bin", endpoint=endpoint)
        assert lab.tree() == {"x 100%.bin": LARGE * 2}
        lab.get("s3://data/some", endpoint=endpoint, name="some")
        assert lab.tree("some") == {f"{n % 7}/{n}.txt": str(n).encode() for n in range(1100)}
        assert "bucket does not exist" in lab.get("s3://none/x/", endpoint=endpoint, name="none", code=2)
    finally:
        server.stop()


def test_what_is_there_is_not_fetched_again_and_nothing_else_takes_its_name(lab: Lab) -> None:
    url = lab.serve("t.zip", zipped(PICTURES))
    lab.get(url)
    before = len(lab.files["/t.zip"].asked)
    assert "is there already" in lab.get(url)
    assert len(lab.files["/t.zip"].asked) == before
    assert "from other addresses" in lab.get(lab.serve("u.zip", zipped({"x": b"1"})), code=2)
    assert lab.tree() == PICTURES
    (lab.folder / "mine").mkdir()
    assert "was not fetched" in lab.get(url, name="mine", code=2)
    assert lab.left() == {"train", ".train.json", "mine"}


def test_a_second_one_of_the_same_name_keeps_its_hands_off(lab: Lab) -> None:
    url = lab.serve("x.bin", LARGE, stops=5_000_000)
    first = lab.start(url)
    until(lambda: lab.files["/x.bin"].given >= 5_000_000)
    assert "is being fetched already" in lab.get(url, code=1)
    lab.files["/x.bin"].go.set()
    ended(first)
    assert lab.tree() == {"x.bin": LARGE}


def test_the_record_says_where_it_came_from_and_no_secret(lab: Lab) -> None:
    url = lab.serve("t.zip", zipped(PICTURES))
    lab.get(f"{url}?signature=secret", headers={"Cookie": "secret"})
    text = (lab.folder / ".train.json").read_text(encoding="utf-8")
    assert json.loads(text)["files"][0]["from"] == url
    assert "secret" not in text


def test_progress_is_a_line_every_few_seconds(lab: Lab) -> None:
    url = lab.serve("x.bin", LARGE, stops=20_000_000)
    process = lab.start(url)
    line = process.stdout.readline() if process.stdout else ""
    lab.files["/x.bin"].go.set()
    process.communicate(timeout=60)
    assert " %  " in line
    assert "of 38.1 MiB" in line
