"""A program run for each test, and an HTTP server that tells callers their address."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def address_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Serve what the test wants as the answer on 127.0.0.1, where the program asks for its caller's address."""
    answer = ["203.0.113.99\n"]

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer[0].encode("ascii"))

        def log_message(self, *_: object) -> None:
            """Say nothing in the test's output."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("GPURIG_CALLER_ADDRESS_URL", f"http://127.0.0.1:{server.server_port}/")
    yield lambda text: answer.__setitem__(0, text)
    server.shutdown()
    thread.join()
    server.server_close()
