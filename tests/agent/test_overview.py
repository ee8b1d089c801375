"""The ends of logs, as the host reads them for `fab timeline`: whatever an account has put in a log's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision.agent import overview


@pytest.mark.parametrize(
    ("data", "lines", "whole"),
    [
        (b"", [], True),
        (b"a\nb\nc\n", ["a", "b", "c"], True),
        (b"a\nb\nc\nhalf", ["b", "c", "half"], False),
        (b"1 %\r50 %\r100 %\ndone\n", ["100 %", "done"], True),
        (b"\xff\n", ["\ufffd"], True),
        (b"\n\n\n", [""], True),
    ],
)
def test_the_last_lines_of_a_log(tmp_path: Path, data: bytes, lines: list[str], *, whole: bool) -> None:
    log = tmp_path / "log"
    log.write_bytes(data)
    tail = overview.tail("run", "train-1", log, 3)
    assert (tail["lines"], tail["whole"], tail["size"]) == (lines, whole, len(data))


def test_of_megabytes_on_a_line_little_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"begin\n" + b"x" * 5_000_000 + b"\n" + b"y" * 2000 + b"\nend\n")
    first, second = overview.tail("run", "train-1", log, 3)["lines"]
    assert (first[:3], second) == ("yyy", "end")
    assert "1500 characters more" in first
    assert len(first) < 600
    log.write_bytes(b"z" * 5_000_000)
    [line] = overview.tail("run", "train-1", log, 3)["lines"]
    assert line.endswith("zzz")
    assert len(line) < 600


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_log_is_not_read_and_stops_nobody(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "log"
    (tmp_path / "secret").write_text("secret")
    if kind == "link":
        log.symlink_to("secret")
    elif kind == "pipe":
        os.mkfifo(log)
    else:
        log.mkdir()
    tail = overview.tail("run", "train-1", log, 3)
    assert (tail["lines"], tail["whole"]) == ([], False)
    assert str(log) in tail["why"]


def test_a_manifest_that_is_none_has_no_counts(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    assert overview.counts(manifest) == {}
    for text in ("{", "[]", "{}", '{"counts": 3}', '{"counts": {"train": 9' + " " * 2**20 + "}}"):
        manifest.write_text(text)
        assert overview.counts(manifest) == {}, text[:20]
    manifest.write_text('{"counts": {"pictures": 10, "train": {"pictures": 9, "files": 36}, "labels": ["a"]}}')
    assert overview.counts(manifest) == {"pictures": 10, "train": 9}
