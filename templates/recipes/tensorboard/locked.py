"""A web application behind a token: TensorBoard itself asks for none, and believes every request.

Whoever comes with the token in the address gets a cookie for it, and goes on without; nobody else sees anything.
"""

from __future__ import annotations

import hmac
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

UP = "/gpurig-is-up"
"""What answers everybody: that it is there."""
COOKIE = "gpurig-tensorboard"
"""With the port behind it: a browser sends the cookies of all tunnels to each."""
HOSTS = ("127.0.0.1", "localhost")
_SHUT = "403: this address needs the token of this TensorBoard. fab tensorboard opens it with that.\n"
_NAME = "421: TensorBoard answers by the names 127.0.0.1 and localhost alone.\n"


class Locked:
    """The application, as WSGI has one, for who knows the token."""

    def __init__(self, application: Callable[..., Iterable[bytes]], token: str) -> None:
        self._application, self._token = application, token

    def __call__(self, request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        # A stranger's name for this machine (DNS rebinding) leads to a page of his own, which could read what is here.
        name, _, port = request.get("HTTP_HOST", "").partition(":")
        if name not in HOSTS:
            return _say(start, "421 Misdirected Request", _NAME)
        if request["PATH_INFO"] == UP:
            return _say(start, "200 OK", "up\n")
        words = urllib.parse.parse_qsl(request.get("QUERY_STRING", ""), keep_blank_values=True)
        if any(self._is_token(word) for key, word in words if key == "token"):
            rest = urllib.parse.urlencode([(key, word) for key, word in words if key != "token"])
            # Lax: a page that leads here is this machine's own, a file that `fab` has written.
            given = f"{COOKIE}-{port}={self._token}; Path=/; HttpOnly; SameSite=Lax"
            return _say(start, "302 Found", "", ("Location", f"/?{rest}" if rest else "/"), ("Set-Cookie", given))
        cookies = dict(pair.strip().partition("=")[::2] for pair in request.get("HTTP_COOKIE", "").split(";"))
        if self._is_token(cookies.get(f"{COOKIE}-{port}", "")):
            return self._application(request, start)
        return _say(start, "403 Forbidden", _SHUT)

    def _is_token(self, word: str) -> bool:
        return hmac.compare_digest(word.encode(), self._token.encode())


def _say(start: Callable[..., Any], status: str, text: str, *headers: tuple[str, str]) -> list[bytes]:
    """Answer with a line of text."""
    body = text.encode()
    kind = ("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))
    start(status, [*kind, ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"), *headers])
    return [body]
