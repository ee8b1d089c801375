"""The lock before TensorBoard, with an application of this test's own behind it."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from provision.catalogue.folders import OURS

TOKEN = "the-token-of-this-start"
COOKIE = f"gpurig-tensorboard-6006={TOKEN}"


def ask(path: str = "/", query: str = "", host: str = "127.0.0.1:6006", cookie: str = "") -> tuple[int, str, Any]:
    """Return code, text and headers of an answer."""
    said: list[Any] = []

    def application(request: dict[str, str], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [])
        return [f"behind: {request['PATH_INFO']}".encode()]

    def start(status: str, headers: list[tuple[str, str]]) -> None:
        said.extend((int(status.split(maxsplit=1)[0]), dict(headers)))

    locked = runpy.run_path(str(OURS / "tensorboard/locked.py"))["Locked"](application, TOKEN)
    request = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": host, "HTTP_COOKIE": cookie}
    text = b"".join(locked(request, start)).decode()
    return said[0], text, said[1]


def test_the_token_gives_a_cookie_and_goes_out_of_the_address_and_the_cookie_lets_in() -> None:
    code, _, headers = ask(query=f"runFilter=%5Ea%2F&token={TOKEN}")
    assert (code, headers["Location"]) == (302, "/?runFilter=%5Ea%2F")
    assert headers["Set-Cookie"] == f"{COOKIE}; Path=/; HttpOnly; SameSite=Lax"
    assert ask(path="/data/runs", cookie=f"other=1; {COOKIE}") == (200, "behind: /data/runs", {})


@pytest.mark.parametrize("query", ["", "token=", "token=guessed", f"token={TOKEN}x", "token=%ff%00", f"tokens={TOKEN}"])
@pytest.mark.parametrize(
    "cookie", ["", "gpurig-tensorboard-6006=guessed", f"gpurig-tensorboard-6007={TOKEN}", "\xff;;=;"]
)
def test_whoever_has_not_got_it_sees_nothing_and_reads_the_way_in(query: str, cookie: str) -> None:
    code, text, _ = ask(query=query, cookie=cookie)
    assert (code, "behind" in text, "fab tensorboard" in text) == (403, False, True)


@pytest.mark.parametrize("host", ["", "rebind.example:6006", "127.0.0.1.example", "localhost.example:6006"])
def test_a_stranger_s_name_for_this_machine_leads_nowhere(host: str) -> None:
    assert ask(query=f"token={TOKEN}", host=host)[0] == 421
    assert ask(cookie=COOKIE, host=host)[0] == 421


def test_that_it_is_up_is_for_all_to_know() -> None:
    assert ask(path="/gpurig-is-up") == (200, "up\n", ask(path="/gpurig-is-up")[2])
