"""Serve the stand-ins' repositories over git's smart HTTP, or send git on to where the real ones are."""

from __future__ import annotations

import http.server
import os
import subprocess
import threading
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rehearsal.errors import RehearsalError
from rehearsal.standins.repositories import build

PORT = 8418
PREFIX = "/git/"
UPSTREAM = "https://github.com/"
"""Where the repositories are that the stand-ins stand in for; the environment's GIT_MIRROR, an address or a folder of
this machine with OWNER/NAME.git in it, takes its place."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """One request of git: through `git http-backend`, a CGI program, or a redirect."""

    protocol_version = "HTTP/1.1"
    server: SourceServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            self._answer(b"".join(self._chunks()))
        else:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: what goes wrong is in git's own message."""

    def _chunks(self) -> list[bytes]:
        """Return the parts of a body that git sends as it makes it."""
        parts: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return parts

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        if not path.startswith(PREFIX):
            self._short(HTTPStatus.NOT_FOUND)
        elif self.server.upstream:
            goal = self.server.upstream + self.path.removeprefix(PREFIX)
            self._short(HTTPStatus.TEMPORARY_REDIRECT, Location=goal)
        else:
            self._backend(urllib.parse.unquote(path.removeprefix(PREFIX)), query, body)

    def _short(self, status: HTTPStatus, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _backend(self, path: str, query: str, body: bytes) -> None:
        """Hand one request to `git http-backend` and its answer back."""
        env = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            # A recipe may ask for a commit by its name, as from any public host; and a mirror may be another account's.
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            # The one place where git takes a setting from a client's request; nothing can be pushed here.
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{path}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_ADDR": self.client_address[0],
        }
        done = subprocess.run(["git", "http-backend"], input=body, stdout=subprocess.PIPE, env=env, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode("latin-1").splitlines() if ": " in line]
        status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200 if fields else 500)
        self.send_response(status)
        for name, value in fields:
            if name not in ("Status", "Content-Length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class SourceServer(http.server.ThreadingHTTPServer):
    """Answers under /git/ until `close`."""

    daemon_threads = True

    def __init__(self, root: Path, address: str, port: int, upstream: str) -> None:
        self.root = root
        self.upstream = upstream
        super().__init__((address, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, name="sources", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and give the port back."""
        self.shutdown()
        self._thread.join()
        self.server_close()


def serve(root: Path, address: str, port: int = PORT, sources: str = "standins") -> SourceServer:
    """Serve /git/NVIDIA/caffe.git and its like at `address`; port 0 takes a free one.

    With `sources` "standins" they are the stand-ins, built under `root`. With "upstream", git is sent on to the real
    ones, or to the mirror that GIT_MIRROR names; a folder is served from here. Raises `RehearsalError` where
    the port is taken or git is missing.
    """
    upstream = ""
    if sources == "upstream":
        mirror = os.environ.get("GIT_MIRROR") or UPSTREAM
        if "://" in mirror:
            upstream = mirror.rstrip("/") + "/"
        elif not (root := Path(mirror).expanduser()).is_dir():
            raise RehearsalError(f"GIT_MIRROR: {mirror} is neither an address nor a folder with OWNER/NAME.git in it")
    else:
        build(root)
    try:
        return SourceServer(root, address, port, upstream)
    except OSError as error:
        raise RehearsalError(f"sources cannot be served at {address}:{port}: {error}") from error


def start(state: Path, facts: dict[str, Any], sources: str) -> dict[str, Any]:
    """Serve boxes their sources for as long as this process lives; return where, for `cloud.json`."""
    server = serve(state / "sources", facts["caller"], sources=sources)
    return {"url": f"http://{facts['caller_name']}:{server.server_port}{PREFIX}", "sources": sources}
