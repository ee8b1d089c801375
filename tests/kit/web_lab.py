"""A web server that misbehaves as it is told, and the program of the recipe `datasets` that fetches from it."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import io
import json
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from datasets.get.main import main
from provision.catalogue.folders import TEMPLATES
from tests.kit.servers import Handler

LARGE = random.Random(7).randbytes(40_000_000)  # noqa: S311 - contents of a file
PROGRAM = TEMPLATES / "recipes" / "datasets" / "program" / "get.py"


@dataclasses.dataclass
class Served:
    """One file, and how the server gives it."""

    data: bytes | memoryview
    ranges: bool = True
    etag: str = '"one"'
    modified: str = ""
    kind: str = "application/octet-stream"
    length: bool = True
    disposition: str = ""
    goal: str = ""
    """An address to send the client to."""
    cuts: int = 0
    """Answers, from the third on, that end in the middle."""
    statuses: list[int] = dataclasses.field(default_factory=list)
    """What to answer first, one by one, behind the look at the first bytes."""
    wants: tuple[str, str] = ("", "")
    """A header without which it is refused."""
    stops: int = -1
    """Byte before which an answer that has it halts until `go` is set."""
    go: threading.Event = dataclasses.field(default_factory=threading.Event)
    asked: list[dict[str, str]] = dataclasses.field(default_factory=list)
    """The headers of every request, with its own range."""
    given: int = 0
    """Bytes that were sent."""


class _Handler(Handler):
    server: Any

    def do_GET(self) -> None:
        file: Served | None = self.server.files.get(self.path.partition("?")[0])
        if file is None:
            self.send_error(404)
            return
        file.asked.append(dict(self.headers))
        name, value = file.wants
        if name and self.headers.get(name) != value:
            self.send_error(403)
        elif file.goal:
            self.send_response(302)
            self.send_header("Location", file.goal)
            self.end_headers()
        elif file.statuses and len(file.asked) > 1:
            self.send_error(file.statuses.pop(0))
        else:
            self._give(file)

    def _give(self, file: Served) -> None:
        start, end, whole = 0, len(file.data), True
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        same = self.headers.get("If-Range") in (None, file.etag, file.modified)
        if file.ranges and asked and int(asked[1]) >= len(file.data) > 0:
            self.send_error(416)
            return
        if file.ranges and asked and same and file.data:
            start, end = int(asked[1]), min(end, int(asked[2] or end) + 1)
            whole = False
        self.send_response(200 if whole else 206)
        heads = {"ETag": file.etag, "Last-Modified": file.modified, "Content-Type": file.kind}
        heads["Content-Disposition"] = file.disposition
        heads["Content-Range"] = "" if whole else f"bytes {start}-{end - 1}/{len(file.data)}"
        heads["Content-Length"] = str(end - start) if file.length else ""
        for name, value in heads.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if file.cuts and end - start > 4096:
            file.cuts -= 1
            end = start + (end - start) // 2
        self._send(file, start, end)

    def _send(self, file: Served, start: int, end: int) -> None:
        if start <= file.stops < end and end - start > 4096:
            self._write(file, file.data[start : file.stops])
            file.go.wait(120)
            start = file.stops
        self._write(file, file.data[start:end])

    def _write(self, file: Served, data: bytes | memoryview) -> None:
        try:
            self.wfile.write(data)
            self.wfile.flush()
            file.given += len(data)
        except OSError:
            self.close_connection = True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    files: dict[str, Served]


class Lab:
    """The server and a folder of data sets."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.folder, self.address = folder, address
        self.files: dict[str, Served] = {}
        self._server = _Server((address, 0), _Handler)
        self._server.files = self.files
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        for file in self.files.values():
            file.go.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._server.server_address[1]
        return port

    def url(self, name: str) -> str:
        return f"http://{self.address}:{self.port}/{name}"

    def serve(self, name: str, data: bytes | memoryview, **how: Any) -> str:
        """Put a file on the server; returns its address."""
        self.files[f"/{name}"] = Served(data, **how)
        return self.url(name)

    def start(
        self, *urls: str, name: str = "train", env: dict[str, str] | None = None, **order: Any
    ) -> subprocess.Popen[str]:
        """Start the program with an order."""
        path = self._order(urls, name=name, **order)
        kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        own = {"GPURIG_GET_PAUSE": "0.01", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        return subprocess.Popen(
            [sys.executable, str(PROGRAM), str(path)],
            env={**kept, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _order(self, urls: Sequence[str], *, name: str, **order: Any) -> Path:
        """Write an order; returns its file."""
        whole: dict[str, Any] = {
            "headers": {},
            "sums": None,
            "unpack": True,
            "names": "",
            "frugal": False,
            "parallel": 4,
            "endpoint": "",
        }
        whole |= {"name": name, "place": str(self.folder), "urls": list(urls), **order}
        path = self.folder / f"order-{name}.json"
        path.write_text(json.dumps(whole), encoding="utf-8")
        return path

    def get(self, *urls: str, code: int = 0, **order: Any) -> str:
        """Fetch; returns what was said."""
        return ended(self.start(*urls, **order), code)

    def get_here(self, *urls: str, code: int = 0, name: str = "train", **order: Any) -> str:
        """Fetch in this process, without a start of Python's; returns what was said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            ended_with = main(str(self._order(urls, name=name, **order)))
        assert ended_with == code, said.getvalue()
        return said.getvalue()

    def tree(self, name: str = "train") -> dict[str, bytes]:
        """Return the files of a data set."""
        top = self.folder / name
        return {str(path.relative_to(top)): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}

    def left(self) -> set[str]:
        """Return what lies in the folder of data sets, orders aside."""
        return {path.name for path in self.folder.iterdir() if not path.name.startswith("order-")}


def ended(process: subprocess.Popen[str], code: int = 0) -> str:
    """Return what a program said by its end, which has to be with `code`."""
    said, _ = process.communicate(timeout=60)
    assert process.returncode == code, said
    return said


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A web server that misbehaves, and the program that fetches from it."""
    with contextlib.closing(Lab(tmp_path)) as lab:
        yield lab
