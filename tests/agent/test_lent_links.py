"""Files by links that were lent: where a connection is cut the download goes on, and what is refused is said."""

from __future__ import annotations

import hashlib
import http.server
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent import links
from tests.kit.servers import Handler, serving
from tests.kit.web_lab import Lab

DATA = random.Random(3).randbytes(3_000_000)  # noqa: S311 - contents of a file


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between tries."""
    monkeypatch.setattr(links, "PAUSE", 0.001)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Lab]:
    """A web server that misbehaves."""
    made = Lab(tmp_path)
    yield made
    made.close()


def test_a_download_goes_on_where_it_was_cut(web: Lab, tmp_path: Path) -> None:
    link = web.serve("part", DATA, cuts=3)
    assert links.fetch(link, tmp_path / "goal", len(DATA)) == (len(DATA), hashlib.sha256(DATA).hexdigest())
    assert (tmp_path / "goal").read_bytes() == DATA
    asked = [request.get("Range") for request in web.files["/part"].asked]
    half = len(DATA) // 2
    assert asked == [None, f"bytes={half}-", f"bytes={half + half // 2}-", f"bytes={half + half // 2 + half // 4}-"]


def test_one_that_is_cut_for_ever_ends(web: Lab, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=rf"cut off after \d+ of {len(DATA)} bytes"):
        links.fetch(web.serve("part", DATA, cuts=99), tmp_path / "goal", len(DATA))
    assert len(web.files["/part"].asked) == links.TRIES


def test_a_server_that_begins_anew_is_not_believed(web: Lab, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="does not go on in the middle"):
        links.fetch(web.serve("part", DATA, cuts=1, ranges=False), tmp_path / "goal", len(DATA))


def test_more_than_was_signed_is_not_written(web: Lab, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="longer than it was when it was signed"):
        links.fetch(web.serve("part", DATA), tmp_path / "goal", 1000)
    assert (tmp_path / "goal").stat().st_size <= 1000


def test_what_does_not_answer_is_named_without_the_link(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the bucket does not answer: ") as refused:
        links.fetch("http://127.0.0.1:1/b/k?X-Amz-Signature=secret", tmp_path / "goal", 1000)
    assert "secret" not in str(refused.value)


class _Store(Handler):
    server: Any

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, text = self.server.answers.pop(0)
        self.server.got.append((body, self.headers.get("x-amz-checksum-sha256")))
        self.answer(status, text)


def send(tmp_path: Path, *answers: tuple[int, bytes]) -> tuple[Any, list[tuple[bytes, str]]]:
    """Send a file to a server that answers so; returns what came of it, and what the server got."""
    (tmp_path / "file").write_bytes(b"bytes")
    server: Any = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    server.answers, server.got = list(answers), []
    with serving(server) as address:
        try:
            return links.send(f"{address}/b/k", {"x-amz-checksum-sha256": "sum"}, tmp_path / "file"), server.got
        except OSError as error:
            return str(error), server.got


def test_an_upload_is_tried_again_where_s3_was_not_well(tmp_path: Path) -> None:
    conflict = b"<Error><Code>ConditionalRequestConflict</Code></Error>"
    told, got = send(tmp_path, (503, b"<Error><Code>SlowDown</Code></Error>"), (409, conflict), (200, b""))
    assert told is True
    assert got == [(b"bytes", "sum")] * 3


def test_what_is_there_already_is_well_and_what_is_refused_is_said(tmp_path: Path) -> None:
    assert send(tmp_path, (412, b"<Error><Code>PreconditionFailed</Code></Error>"))[0] is False
    told, got = send(tmp_path, (403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"))
    assert told == "the bucket answers 403: Access Denied"
    assert len(got) == 1
