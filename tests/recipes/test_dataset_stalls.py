"""A data set that is fetched while a server halts: what has come by then is unpacked, and the rest goes on coming."""

from __future__ import annotations

import random
import time

import pytest

from tests.kit.archives import split, tarred, zipped, zstd
from tests.kit.wait import until
from tests.kit.web_lab import LARGE, Lab, ended

RANDOM = random.Random(8)  # noqa: S311 - contents of files
SCANS = {f"scan/{i:02}.png": RANDOM.randbytes(500_000) for i in range(30)}
FIRST = [f"scan/{i:02}.png" for i in range(5)]
"""Those that lie in the first of three parts, with more behind them than any program reads ahead."""
LOOKED = 1024
"""Bytes of a file that are looked at before it is fetched."""
FORMS = {
    "scans.zip": lambda: zipped(SCANS),
    "scans.tar": lambda: tarred(SCANS),
    "scans.tar.gz": lambda: tarred(SCANS, "gz"),
    "scans.tar.zst": lambda: zstd(tarred(SCANS)),
}


@pytest.mark.parametrize("name", FORMS)
def test_what_has_come_of_an_archive_is_unpacked_while_the_rest_has_not(lab: Lab, name: str) -> None:
    urls = [
        lab.serve(f"{name}.{i:03}", part, stops=0 if i == 2 else -1)
        for i, part in enumerate(split(FORMS[name](), 3), 1)
    ]
    second = lab.files[f"/{name}.002"]
    process = lab.start(*urls)

    def unpacked() -> bool:
        found = {path: list(lab.folder.glob(f".train.part/sets/*/{path}")) for path in FIRST}
        return all(len(paths) == 1 and paths[0].read_bytes() == SCANS[path] for path, paths in found.items())

    until(unpacked)
    assert second.given <= LOOKED
    assert "train" not in lab.left()
    second.go.set()
    ended(process)
    assert lab.tree() == SCANS


@pytest.mark.parametrize("parallel", [1, 2])
def test_one_file_that_halts_keeps_another_from_coming_only_where_one_connection_was_asked_for(
    lab: Lab, parallel: int
) -> None:
    urls = [lab.serve("slow.bin", LARGE, stops=1_000_000), lab.serve("quick.bin", LARGE)]
    slow, quick = (lab.files[f"/{name}.bin"] for name in ("slow", "quick"))
    process = lab.start(*urls, parallel=parallel)
    until(lambda: slow.given >= 1_000_000)
    if parallel == 1:
        time.sleep(1)
        assert quick.given <= LOOKED
    else:
        until(lambda: quick.given >= len(LARGE))
    assert slow.given <= 1_000_000 + LOOKED
    slow.go.set()
    ended(process)
    assert lab.tree() == {"slow.bin": LARGE, "quick.bin": LARGE}


@pytest.mark.parametrize("parallel", [1, 2])
def test_one_range_that_halts_keeps_the_next_from_coming_only_where_one_connection_was_asked_for(
    lab: Lab, parallel: int
) -> None:
    url = lab.serve("large.bin", LARGE * 2, stops=1_000_000)
    served = lab.files["/large.bin"]
    process = lab.start(url, parallel=parallel)
    until(lambda: served.given >= 1_000_000)
    if parallel == 1:
        time.sleep(1)
        assert served.given <= 1_000_000 + LOOKED
    else:
        until(lambda: served.given > 10_000_000)
        assert not served.go.is_set()
    served.go.set()
    ended(process)
    assert lab.tree() == {"large.bin": LARGE * 2}
