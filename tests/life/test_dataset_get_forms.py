"""All that the program which fetches data sets can meet: kinds of archives, servers, checksums, and bad intentions."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.recipes.archives import CLIMBS, FORMS, PICTURES, evil, lines, split, tar_of, tarred, zipped
from tests.recipes.web_lab import LARGE, Lab, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GO_ON = "the same command goes on from there"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.mark.parametrize("name", FORMS)
def test_an_archive_is_unpacked_and_nothing_else_stays(lab: Lab, name: str) -> None:
    lab.get(lab.serve(name, FORMS[name]()))
    assert lab.tree() == PICTURES
    assert lab.left() == {"train", ".train.json"}


@pytest.mark.parametrize("form", ["zip.{:03}", "tar.gz.part{:02}", "tar.{:02}"])
@pytest.mark.parametrize("frugal", [False, True])
def test_parts_in_any_order_are_one_archive(lab: Lab, form: str, frugal: bool) -> None:
    first = 0 if form == "tar.{:02}" else 1
    kind = form.rpartition(".")[0]
    data = zipped(PICTURES) if kind == "zip" else tarred(PICTURES, kind.partition(".")[2])
    urls = [lab.serve(f"train.{form.format(first + i)}", part) for i, part in enumerate(split(data, 5))]
    lab.get(*urls[::-1], frugal=frugal)
    assert lab.tree() == PICTURES


def test_parts_by_letters_are_one_archive_too(lab: Lab) -> None:
    parts = split(tarred(PICTURES, "bz2"), 30)
    names = [f"{a}{b}" for a in "ab" for b in "abcdefghijklmnopqrstuvwxyz"]
    lab.get(*(lab.serve(f"t.tar.bz2.part{end}", part) for end, part in zip(names, parts, strict=False)))
    assert lab.tree() == PICTURES


def test_a_zip_that_zip_itself_has_split(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name, data in PICTURES.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(data)
    (source / "link").symlink_to("cat/0.jpg")
    (source / "run").write_text("#!/bin/sh\n", encoding="ascii")
    (source / "run").chmod(0o755)
    subprocess.run(["zip", "-qry", "-s", "256k", "../s.zip", "."], cwd=source, check=True)
    parts = sorted(tmp_path.glob("s.z*"))
    assert len(parts) > 2
    lab.get(*(lab.serve(path.name, path.read_bytes()) for path in parts))
    got = tmp_path / "train"
    assert (got / "link").readlink() == (source / "link").readlink()
    assert (got / "run").stat().st_mode & 0o777 == 0o755
    assert (got / "cat/3.jpg").read_bytes() == PICTURES["cat/3.jpg"]


def test_a_part_that_is_not_named_is_missed_before_anything_is_fetched(lab: Lab) -> None:
    urls = [lab.serve(f"t.zip.{i + 1:03}", part) for i, part in enumerate(split(zipped(PICTURES), 5))]
    said = lab.get(*urls[:2], *urls[3:], code=2)
    assert "1 of its parts are not among the addresses" in said
    assert all(file.given <= 1024 for file in lab.files.values())
    said = lab.get(*urls[:4], code=1)
    assert "ends too early" in said
    before = {name: file.given for name, file in lab.files.items()}
    lab.get(*urls)
    assert lab.tree() == PICTURES
    # Of the four that were there only the first bytes were looked at again.
    assert all(lab.files[f"/t.zip.00{i}"].given - before[f"/t.zip.00{i}"] <= 1024 for i in range(1, 5))


def test_two_archives_with_one_name_in_both_are_refused_and_kept(lab: Lab) -> None:
    first, second = lab.serve("a.zip", zipped({"x": b"1"})), lab.serve("b.zip", zipped({"x": b"2"}))
    assert "both have a file x" in lab.get(first, second, code=2)
    assert lab.left() == {".train.part"}


def test_a_server_that_says_no_length(lab: Lab) -> None:
    lab.get(lab.serve("t.tar.gz", tarred(PICTURES, "gz"), ranges=False, length=False))
    assert lab.tree() == PICTURES


def test_a_file_that_changed_meanwhile_begins_anew(lab: Lab) -> None:
    url = lab.serve("x.bin", LARGE, stops=30_000_000)
    process = lab.start(url)
    journal = lab.folder / ".train.part" / "files" / "x.bin.have"
    wait(lambda: journal.exists() and len(journal.read_text(encoding="utf-8").splitlines()) > 3)
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
    wait(lambda: served.given > 15_000_000)
    lab.serve("x.bin", LARGE[::-1], etag='"two"')
    served.go.set()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert lab.tree() in ({"x.bin": LARGE[::-1]}, {"x.bin": LARGE})


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
        assert "train" not in lab.left()
    lab.get(*urls, sums={"origin": lab.serve("SUMS", lines(right, kind).encode(), kind="text/plain")})
    assert lab.tree() == {**PICTURES, "labels.csv": b"a\t1\n"}


def test_a_checksum_of_the_joined_archive_will_do(lab: Lab) -> None:
    data = tarred(PICTURES, "gz")
    urls = [lab.serve(f"t.tar.gz.{i + 1}", part) for i, part in enumerate(split(data, 3))]
    bad = {"origin": "SUMS", "text": lines({"t.tar.gz": b"other"}, "sha256")}
    assert "does not match" in lab.get(*urls, code=1, sums=bad)
    lab.get(*urls, sums={"origin": "SUMS", "text": lines({"./data/t.tar.gz": data}, "sha512")})
    assert lab.tree() == PICTURES


@pytest.mark.parametrize(
    ("sums", "words"),
    [
        ({"origin": "SUMS", "text": "see the web site\n"}, "SUMS holds no checksums"),
        ({"origin": "SUMS", "text": f"{'0' * 64}  other.zip\n"}, "SUMS has no checksum of t.zip"),
        ({"single": "sha256:12"}, "--sums sha256:12"),
    ],
)
def test_checksums_that_say_nothing_of_a_file_are_refused_first(lab: Lab, sums: dict[str, str], words: str) -> None:
    url = lab.serve("t.zip", zipped(PICTURES))
    assert words in lab.get(url, code=2, sums=sums)
    assert lab.files["/t.zip"].given <= 1024


@pytest.mark.parametrize("how", CLIMBS)
def test_an_archive_that_climbs_out_is_refused_and_nothing_of_it_stays(lab: Lab, how: str) -> None:
    around = {path.name for path in lab.folder.parent.iterdir()}
    said = lab.get(lab.serve("t.tar", CLIMBS[how]), code=1)
    assert "nothing of it was kept" in said
    assert lab.left() == set()
    assert {path.name for path in lab.folder.parent.iterdir()} == around


@pytest.mark.parametrize("name", ["../out", "/gpurig-out", "a/../../out"])
def test_a_zip_that_climbs_out_is_refused(lab: Lab, name: str) -> None:
    assert "leads out" in lab.get(lab.serve("t.zip", zipped({"good": b"1", name: b"2"})), code=1)
    assert lab.left() == set()


def test_a_link_in_a_zip_that_leads_out_is_refused(lab: Lab) -> None:
    goal = io.BytesIO()
    with zipfile.ZipFile(goal, "w") as archive:
        row = zipfile.ZipInfo("link")
        row.create_system, row.external_attr = 3, 0o120777 << 16
        archive.writestr(row, "../../../etc/passwd")
    assert "outside the archive" in lab.get(lab.serve("t.zip", goal.getvalue()), code=1)


def test_links_that_stay_inside_are_kept(lab: Lab) -> None:
    data = tar_of(evil("d/l", tarfile.SYMTYPE, "../good"), evil("h", tarfile.LNKTYPE, "good"))
    lab.get(lab.serve("t.tar", data))
    assert (lab.folder / "train/d/l").readlink().as_posix() == "../good"
    assert (lab.folder / "train/h").stat().st_nlink == 2


@pytest.mark.parametrize("name", FORMS)
def test_an_archive_that_was_cut_short_is_told_and_not_used(lab: Lab, name: str) -> None:
    data = FORMS[name]()
    for size in (len(data) // 2, len(data) - 30 if name.endswith("zip") else len(data) - len(data) // 50):
        lab.serve(name, data[:size], etag=f'"{size}"')
        said = lab.get(lab.url(name), code=1)
        assert "ends too early" in said or "damaged" in said
        assert "train" not in lab.left()


@pytest.mark.parametrize("name", [name for name in FORMS if name != "train.tar"])
def test_a_damaged_archive_is_told_and_not_used(lab: Lab, name: str) -> None:
    data = bytearray(FORMS[name]())
    data[len(data) // 2] ^= 0xFF
    assert "damaged" in lab.get(lab.serve(name, bytes(data)), code=1)
    assert lab.left() == set()


def test_a_damaged_header_in_a_tar_does_not_end_it_silently(lab: Lab) -> None:
    data = bytearray(tarred({"a": b"1", "b": b"2"}))
    data[1024] ^= 0xFF
    assert "damaged" in lab.get(lab.serve("t.tar", bytes(data)), code=1)


def test_a_zip_that_is_encrypted_says_what_to_do(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1" * 100)
    subprocess.run(["zip", "-q", "-P", "word", "e.zip", "x"], cwd=tmp_path, check=True)
    said = lab.get(lab.serve("e.zip", (tmp_path / "e.zip").read_bytes()), code=1)
    assert "encrypted" in said
    assert "--keep" in said


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
    wait(lambda: lab.files["/x.bin"].given >= 5_000_000)
    assert "is being fetched already" in lab.get(url, code=1)
    lab.files["/x.bin"].go.set()
    said, _ = first.communicate(timeout=60)
    assert first.returncode == 0, said
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
