"""The program that fetches data sets, against a web server that misbehaves. All that it can meet: tests/life."""

from __future__ import annotations

import hashlib
import signal

import pytest

from tests.kit.archives import CLIMBS, FORMS, PICTURES, split, zipped
from tests.kit.wait import until
from tests.kit.web_lab import LARGE, Lab


def test_files_that_are_no_archives_stay_as_they_are(lab: Lab) -> None:
    csv, picture = lab.serve("labels.csv", b"a\t1\n"), lab.serve("x.bin", LARGE, etag="", modified="", ranges=False)
    archive = zipped(PICTURES)
    lab.get(csv, picture, lab.serve("train.zip", archive), name="both")
    assert lab.tree("both") == {**PICTURES, "labels.csv": b"a\t1\n", "x.bin": LARGE}
    lab.get(lab.url("train.zip"), unpack=False, name="kept")
    assert lab.tree("kept") == {"train.zip": archive}


def test_the_pieces_of_a_large_file_come_over_several_connections_that_break(lab: Lab) -> None:
    url = lab.serve("x.bin", LARGE * 4, cuts=6, statuses=[503, 500, 429])
    said = lab.get(url)
    assert lab.tree() == {"x.bin": LARGE * 4}
    ranges = {head["Range"] for head in lab.files["/x.bin"].asked}
    assert len(ranges) > 6
    assert all(head.get("If-Range") == '"one"' for head in lab.files["/x.bin"].asked[1:])
    assert "503" in said


def test_a_server_that_knows_no_ranges_and_breaks_gives_the_file_all_the_same(lab: Lab) -> None:
    lab.get(lab.serve("x.bin", LARGE, ranges=False, cuts=3))
    assert lab.tree() == {"x.bin": LARGE}


def test_cut_off_it_goes_on_where_it_was(lab: Lab) -> None:
    file = lab.serve("x.bin", LARGE, stops=30_000_000)
    served = lab.files["/x.bin"]
    process = lab.start(file)
    journal = lab.folder / ".train.part" / "files" / "x.bin.have"
    until(lambda: journal.exists() and len(journal.read_text(encoding="utf-8").splitlines()) > 3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    served.stops, before = -1, served.given
    served.go.set()
    lab.get(file)
    assert lab.tree() == {"x.bin": LARGE}
    assert served.given - before < 20_000_000


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"kind": "text/html; charset=utf-8"}, "web page"),
        (
            {"data": b"\n<!DOCTYPE html><html><title>Sign in</title></html>"},
            'web page ("Sign in") instead of train.zip',
        ),
    ],
)
def test_a_web_page_instead_of_the_file_is_refused(lab: Lab, how: dict[str, object], words: str) -> None:
    url = lab.serve("train.zip", **{"data": b"<p>Please log in</p>", **how})  # type: ignore[arg-type]
    said = lab.get(url, code=1)
    assert words in said
    assert "--header" in said
    assert lab.left() <= {".train.part"}


def test_every_address_that_is_wrong_is_told_at_once(lab: Lab) -> None:
    said = lab.get(lab.url("a.zip"), lab.url("b.zip"), code=2)
    assert said.count("404 Not Found") == 2


def test_what_does_not_match_is_fetched_again_by_the_same_command(lab: Lab) -> None:
    good = zipped(PICTURES)
    url = lab.serve("t.zip", good[:-1] + b"\1")
    sums = {"single": f"sha256:{hashlib.sha256(good).hexdigest()}"}
    assert "does not match" in lab.get(url, code=1, sums=sums)
    lab.files["/t.zip"].data = good  # a proxy that had broken it, with the same tag
    lab.get(url, sums=sums)
    assert lab.tree() == PICTURES


def test_what_an_address_has_behind_its_question_mark_is_written_nowhere(lab: Lab) -> None:
    secret = "?token=hunter2"
    url, sums = lab.serve("t.zip", zipped(PICTURES)) + secret, {"origin": lab.serve("sums", b"nothing") + secret}
    said = lab.get(url, code=2, sums=sums)
    assert "holds no checksums" in said
    lab.serve("sums", f"{hashlib.sha256(b'').hexdigest()}  other.zip\n".encode())
    said += lab.get(url, code=2, sums=sums)
    assert "has no checksum of t.zip" in said
    said += lab.get(f"{lab.url('none.zip')}{secret}", code=2, name="none")
    said += lab.get(url)
    assert "hunter2" not in said
    there = [path for path in lab.folder.rglob("*") if path.is_file() and not path.name.startswith("order-")]
    assert {".train.json"} <= {path.name for path in there}
    assert not [path for path in there if b"hunter2" in path.read_bytes()]


def test_a_split_archive_is_unpacked_from_its_parts_in_any_order(lab: Lab) -> None:
    urls = [lab.serve(f"train.zip.{i:03}", part) for i, part in enumerate(split(zipped(PICTURES), 5), 1)]
    lab.get(*urls[::-1])
    assert lab.tree() == PICTURES
    assert lab.left() == {"train", ".train.json"}


def test_a_compressed_tar_is_unpacked_while_it_comes_and_deleted_as_it_goes(lab: Lab) -> None:
    lab.get(lab.serve("train.tar.zst", FORMS["train.tar.zst"]()), frugal=True)
    assert lab.tree() == PICTURES


@pytest.mark.parametrize("how", ["above", "links that climb together"])
def test_an_archive_that_climbs_out_is_refused(lab: Lab, how: str) -> None:
    assert "nothing of it was kept" in lab.get(lab.serve("t.tar", CLIMBS[how]), code=1)
    assert lab.left() == set()
