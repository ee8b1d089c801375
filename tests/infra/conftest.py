"""A program run for each test, and an HTTP server that tells callers their address."""

from __future__ import annotations

import http.server
from collections.abc import Callable, Iterator

import pytest

from tests.infra.lab import GOOD, Run, run
from tests.kit.servers import Handler, serving


@pytest.fixture(scope="session")
def box() -> Run:
    """The least that a working stack sets, run."""
    return run(GOOD)


@pytest.fixture
def address_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Serve what the test wants as the answer on 127.0.0.1, where the program asks for its caller's address."""
    answer = ["203.0.113.99\n"]

    class Answer(Handler):
        def do_GET(self) -> None:
            self.answer(200, answer[0].encode("ascii"))

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)) as url:
        monkeypatch.setenv("GPURIG_CALLER_ADDRESS_URL", f"{url}/")
        yield lambda text: answer.__setitem__(0, text)
