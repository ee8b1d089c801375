"""How scripts download, for real: from a server that breaks off or serves the wrong thing."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator

import pytest

from tests.kit.servers import Handler, serving
from tests.recipes.shell import Shell

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class _Files(Handler):
    """Serves CONTENT with ranges, at `/file`; `/wrong` is another file of the same length, `/gone` is not there."""

    server: FileServer

    def do_GET(self) -> None:
        first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.server.asked.append((self.path, first))
        if self.path == "/gone":
            self.send_error(404)
            return
        if self.path == "/stalls" and self.server.asked.count((self.path, 0)) == 1:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000])
            self.server.over.wait(60)
            return
        if first >= len(CONTENT):
            self.send_error(416)
            return
        content = CONTENT if self.path != "/wrong" else bytes(len(CONTENT))
        span = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.answer(206 if first else 200, content[first:], Content_Range=span)


class FileServer(http.server.ThreadingHTTPServer):
    """Keeps what was asked for: path and first byte."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), _Files)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    with serving(server):
        yield server
        server.over.set()


def test_a_download_is_whole_and_checked_and_not_done_twice(shell: Shell, files: FileServer) -> None:
    goal = shell.folder / "deep" / "file"
    for _ in range(2):
        shell.run(f"download {files.url}/file {SHA256} {goal}", code=0)
    assert goal.read_bytes() == CONTENT
    assert files.asked == [("/file", 0)]


def test_a_download_is_kept_on_the_job_volume_and_taken_from_there(shell: Shell, files: FileServer) -> None:
    goal, kept = shell.folder / "file", shell.folder / "kept"
    kept.mkdir()
    for said in ("downloading", "taken from the job volume", "taken from the job volume"):
        goal.unlink(missing_ok=True)
        done = shell.run(f"download {files.url}/file {SHA256} {goal}", GPURIG_KEPT=str(kept), code=0)
        assert said in done.stdout
        assert goal.read_bytes() == CONTENT
    assert len(files.asked) == 1
    assert [path.name for path in kept.iterdir()] == [f"download-{SHA256}"]


@pytest.mark.parametrize("content", [CONTENT[:-1], bytes(len(CONTENT)), b""])
def test_a_kept_download_that_is_another_is_deleted_and_fetched_again(
    shell: Shell, files: FileServer, content: bytes
) -> None:
    goal, kept = shell.folder / "file", shell.folder / "kept" / f"download-{MD5}"
    kept.parent.mkdir()
    kept.write_bytes(content)
    done = shell.run(f"download {files.url}/file md5:{MD5} {goal}", GPURIG_KEPT=str(kept.parent), code=0)
    assert "is of no use and is deleted" in done.stdout
    assert goal.read_bytes() == kept.read_bytes() == CONTENT


def test_a_download_that_cannot_be_kept_is_a_download_all_the_same(shell: Shell, files: FileServer) -> None:
    goal = shell.folder / "file"
    shell.run(f"download {files.url}/file {SHA256} {goal}", GPURIG_KEPT=str(shell.folder / "nowhere"), code=0)
    assert goal.read_bytes() == CONTENT
    assert [path.name for path in shell.folder.iterdir() if "part" in path.name] == []


def test_a_download_that_only_an_md5_is_known_of_is_checked_by_it(shell: Shell, files: FileServer) -> None:
    goal = shell.folder / "file"
    refused = shell.run(f"download {files.url}/wrong md5:{MD5} {goal}", code=1)
    assert f"is not the file that the recipe pins: its checksum is not md5:{MD5}" in refused.stderr
    assert not list(shell.folder.glob("file*"))
    for _ in range(2):
        shell.run(f"download {files.url}/file md5:{MD5} {goal}", code=0)
    assert goal.read_bytes() == CONTENT
    assert files.asked[2:] == [("/file", 0)]


def test_a_download_goes_on_where_it_was_cut_off(shell: Shell, files: FileServer) -> None:
    goal = shell.folder / "file"
    goal.with_name("file.part").write_bytes(CONTENT[:1000])
    shell.run(f"download {files.url}/file {SHA256} {goal}", code=0)
    assert goal.read_bytes() == CONTENT
    assert files.asked == [("/file", 1000)]


@pytest.mark.parametrize("part", [b"not how it begins", CONTENT + b"too long"], ids=["damaged", "too long"])
def test_a_damaged_part_is_thrown_away_and_fetched_anew(shell: Shell, files: FileServer, part: bytes) -> None:
    goal = shell.folder / "file"
    goal.with_name("file.part").write_bytes(part)
    shell.run(f"download {files.url}/file {SHA256} {goal}", code=0)
    assert goal.read_bytes() == CONTENT


@pytest.mark.parametrize("path", ["wrong", "gone"])
def test_a_download_that_is_not_the_pinned_file_leaves_nothing(shell: Shell, files: FileServer, path: str) -> None:
    goal = shell.folder / "file"
    done = shell.run(f"download {files.url}/{path} {SHA256} {goal}; echo unreached", code=1)
    assert f"{files.url}/{path}" in done.stderr
    assert "unreached" not in done.stdout
    assert not list(shell.folder.glob("file*"))


def test_a_server_that_falls_silent_is_asked_again(shell: Shell, files: FileServer) -> None:
    goal = shell.folder / "file"
    shell.run(f"STALL_SECONDS=1 download {files.url}/stalls {SHA256} {goal}", code=0)
    assert goal.read_bytes() == CONTENT
    assert len(files.asked) == 2
