"""The door before DIGITS, by curl: who gets in, by which name, from which page, how often."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recipes.door_lab import PASSWORD, Door, curl, opened

BROWSER = ("-A", "Mozilla/5.0 (X11; Linux x86_64)")
SOCKET = ("-H", "Upgrade: websocket", "-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with opened(tmp_path_factory.mktemp("door")) as door:
        yield door


@pytest.fixture(scope="module")
def cookie(door: Door) -> tuple[str, str]:
    """What a browser sends once its user has logged in."""
    status, said = curl("-i", f"{door.url}/door/login", "-d", f"password={PASSWORD}")
    (line,) = [line for line in said.splitlines() if line.lower().startswith("set-cookie: ")]
    assert (status, "location: /" in said.lower()) == (303, True)
    value, *rules = line.partition(": ")[2].split("; ")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} == set(rules)
    return "-b", value


@pytest.fixture(autouse=True)
def nothing_yet(door: Door) -> None:
    door.reached.clear()


def test_without_a_login_there_is_a_form_and_nothing_else(door: Door) -> None:
    own_socket = (*SOCKET, "-H", f"Origin: {door.url}")
    for words in ((), ("-d", "x=y"), own_socket, ("-b", "__Host-gpurig-door=9999999999.00"), ("-X", "DELETE")):
        status, page = curl(f"{door.url}/models", *words)
        assert (status, 'name="password"' in page) == (401, True), words
    assert curl(f"{door.url}/door/check")[0] == 404
    assert curl(f"{door.url}/door/form")[0] == 404
    assert door.reached == []


def test_a_cookie_that_is_changed_or_has_run_out_is_none(door: Door, cookie: tuple[str, str]) -> None:
    name, _, value = cookie[1].partition("=")
    until, _, signed = value.partition(".")
    for wrong in (
        f"{int(until) + 1}.{signed}",
        f"1.{signed}",
        f"{until}.{signed[:-1]}",
        f"{until}.",
        "é.é",
        "²." + signed,
    ):
        assert curl(door.url, "-b", f"{name}={wrong}")[0] == 401
    assert curl(door.url, *cookie)[0] == 200
    assert door.reached == ["GET /"]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((), 200),
        (("-H", "Host: desk.lan:5000"), 200),
        (("-H", "Host: rebind.example:5000"), 421),
        (("-H", "Host: 127.0.0.1.rebind.example"), 421),
        (("-H", "Host: localhost"), 421),
        (("-H", "Host:"), 400),
        (("-H", "Origin: https://evil.example"), 403),
        (("-H", "Origin: null"), 403),
        (("-H", "Origin: {url}.evil.example"), 403),
        (("-H", "Origin: {url}"), 200),
        (("-d", "x=y", "-H", "Origin: {url}"), 200),
        (("-d", "x=y", "-H", "Origin: https://127.0.0.1:1"), 403),
        (("-H", "Sec-Fetch-Site: cross-site"), 403),
        (("-H", "Sec-Fetch-Site: same-site"), 403),
        (("-H", "Sec-Fetch-Site: cross-site", "-H", "Origin: {url}"), 403),
        (("-H", "Sec-Fetch-Site: same-origin"), 200),
        ((*BROWSER, "-H", "Sec-Fetch-Site: none"), 200),
        (BROWSER, 403),
        (SOCKET, 403),
        ((*SOCKET, *BROWSER, "-H", "Origin: https://evil.example"), 403),
        ((*SOCKET, *BROWSER, "-H", "Origin: {url}"), 101),
    ],
)
def test_a_login_counts_from_the_page_s_own_requests_alone(
    door: Door, cookie: tuple[str, str], words: tuple[str, ...], status: int
) -> None:
    given = [word.format(url=door.url) for word in words]
    assert curl(f"{door.url}/made", *cookie, *given)[0] == status
    assert len(door.reached) == (status in (200, 101))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((), 200),
        (("-H", "Host: localhost:8080"), 200),
        (("-H", "Host: rebind.example:5000"), 421),
        (("-H", "Host: 0.0.0.0:5000"), 421),
        (("-H", "Origin: http://127.0.0.1:9"), 403),
        (("-H", "Sec-Fetch-Site: same-site"), 403),
        ((*SOCKET, "-H", "Origin: http://evil.example"), 403),
        (BROWSER, 403),
    ],
)
def test_the_end_of_the_tunnel_asks_for_no_login_and_checks_the_rest(
    door: Door, words: tuple[str, ...], status: int
) -> None:
    assert curl(f"http://127.0.0.1:{door.inside}/made", *words)[0] == status
    assert len(door.reached) == (status == 200)


def test_each_request_of_a_connection_is_looked_at(door: Door) -> None:
    line = http.client.HTTPConnection("127.0.0.1", door.inside, timeout=10)
    line.connect()
    first = line.sock
    for host, status in (("127.0.0.1", 200), ("rebind.example", 421)):
        line.request("GET", f"/{host}", headers={"Host": host})
        with line.getresponse() as answer:
            answer.read()
            assert answer.status == status
        assert line.sock is first or status != 200
    line.close()
    assert door.reached == ["GET /127.0.0.1"]


def test_what_a_browser_is_told(door: Door, cookie: tuple[str, str]) -> None:
    for words in ((), cookie):
        told = {line.lower() for line in curl("-i", door.url, *words)[1].splitlines()}
        assert {
            "referrer-policy: same-origin",
            "x-frame-options: deny",
            "content-security-policy: frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
        } <= told
        assert not [line for line in told if line.startswith(("access-control", "strict-transport"))]


def test_plain_http_is_sent_to_https(door: Door) -> None:
    status, said = curl("-i", f"http://127.0.0.1:{door.outside}/models?a=b")
    assert status == 302
    assert f"Location: {door.url}/models?a=b" in said.splitlines()


def test_a_large_upload_comes_through_and_one_without_end_does_not(
    door: Door, cookie: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "model").write_bytes(bytes(20_000_000))
    send = ("--data-binary", f"@{tmp_path}/model")
    assert curl(f"{door.url}/upload", *cookie, *send)[0] == 200
    assert curl(f"{door.url}/upload", *send)[0] == 401
    assert curl(f"{door.url}/door/login", *send)[0] == 413
    assert curl(f"{door.url}/upload", *cookie, "-X", "POST", "-H", "Content-Length: 5000000000")[0] == 413
    assert door.reached == ["POST /upload"]


def test_a_password_cannot_be_guessed_at_speed(tmp_path: Path) -> None:
    with opened(tmp_path, password="a quite long one") as door:
        said = [curl(f"{door.url}/door/login", "-d", f"password={guess}")[0] for guess in range(12)]
        assert said[0] == 403
        assert said[-1] == 429
        assert set(said) == {403, 429}
        assert curl(f"{door.url}/door/login", "-d", "password=a quite long one", "-H", "Origin: null")[0] == 403
        # Who looks without guessing is not slowed.
        assert {curl(door.url)[0] for _ in range(20)} == {401}


def test_without_a_password_nobody_gets_in(tmp_path: Path) -> None:
    with opened(tmp_path, password="") as door:
        status, page = curl(door.url)
        assert (status, "fab password" in page) == (401, True)
        assert curl(f"{door.url}/door/login", "-d", "password=")[0] == 403
        assert door.reached == []
