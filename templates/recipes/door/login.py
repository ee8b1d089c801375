"""The door's login: a password, and a signed cookie for whoever knew it. nginx asks here about every request.

`login.py` serves on a socket that nginx alone reaches; `login.py set` takes a login as JSON from standard input. The
password itself is never here: a login is a salt, its scrypt hash, and a key that signs the cookies, derived from both,
so that another password ends all sessions. Python 3.8, standard library only.
"""

from __future__ import annotations

import grp
import hashlib
import hmac
import html
import http.server
import json
import os
import socketserver
import sys
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STATE = Path(os.environ.get("GPURIG_DOOR", "/var/lib/gpurig-door"))
SOCKET = Path(os.environ.get("GPURIG_DOOR_SOCKET", "/run/gpurig-door/login.sock"))
COOKIE = "__Host-gpurig-door"
SECONDS = 7 * 86400
"""How long a login holds; a browser that is closed forgets it before."""
LARGEST = 4096
"""Bytes of a form."""
# What a password costs, here and in provision/work/door.py: RFC 7914, 16 MiB.
SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 64}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width">
<style>body {{ font: 16px/1.5 sans-serif; max-width: 30em; margin: 4em auto; padding: 0 1em }}
input, button {{ font: inherit; padding: .3em .6em }} .said {{ color: #a00 }}</style></head>
<body><h1>{title}</h1><p class="said">{said}</p>{form}</body></html>
"""
FORM = """<form method="post" action="/door/login">
<input name="username" value="gpurig" autocomplete="username" hidden>
<label>Password <input name="password" type="password" autocomplete="current-password" autofocus required></label>
<button>Log in</button></form>
<p>It was shown by <code>fab password</code>, which also makes another one.</p>"""
NONE_YET = "<p>There is no password yet, so nobody gets in: <code>fab password</code> makes one.</p>"


def login() -> dict[str, bytes] | None:
    """Return the login that holds; None where there is none yet."""
    try:
        found = json.loads((STATE / "login.json").read_text(encoding="ascii"))
        return {name: bytes.fromhex(found[name]) for name in ("salt", "hash", "key")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def signature(key: bytes, until: str) -> str:
    """Return what vouches for a cookie that holds until a time."""
    return hmac.new(key, until.encode(), hashlib.sha256).hexdigest()


def is_known(cookies: str) -> bool:
    """Tell whether a request's cookies hold one that was given here, and has not run out."""
    kept = login()
    if kept is None:
        return False
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        until, _, signed = value.partition(".")
        if name == COOKIE and until.isdecimal() and until.isascii() and float(until) > time.time():
            return hmac.compare_digest(signed.encode(), signature(kept["key"], until).encode())
    return False


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers nginx."""

    def do_GET(self) -> None:
        """Say whether a request may pass, or show the form."""
        if self.path == "/check":
            self._answer(204 if is_known(self.headers.get("Cookie", "")) else 401)
        else:
            self._page(401, "")

    def do_POST(self) -> None:
        """Take a password."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LARGEST:
            self._page(400, "That was no form of this page.")
            return
        form = urllib.parse.parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace"))
        kept = login()
        given = hashlib.scrypt(form.get("password", [""])[0].encode(), salt=kept["salt"], **SCRYPT) if kept else b""
        if not kept or not hmac.compare_digest(given[:32], kept["hash"]):
            self._page(403, "That is not the password." if kept else "")
            return
        until = str(int(time.time()) + SECONDS)
        cookie = f"{COOKIE}={until}.{signature(kept['key'], until)}; Path=/; Secure; HttpOnly; SameSite=Strict"
        self._answer(303, headers=(("Location", "/"), ("Set-Cookie", cookie)))

    def _page(self, status: int, said: str) -> None:
        title = "DIGITS on " + html.escape(os.uname().nodename)
        page = PAGE.format(title=title, said=html.escape(said), form=FORM if login() else NONE_YET)
        headers = (("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"))
        self._answer(status, page.encode(), headers)

    def _answer(self, status: int, body: bytes = b"", headers: Iterable[tuple[str, str]] = ()) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Return who asks: nginx, by a socket without addresses."""
        return "nginx"

    def log_request(self, code: object = "-", size: object = "-") -> None:  # noqa: ARG002 - as inherited
        """Keep the journal for what goes wrong: a password that was not the one."""
        if self.command == "POST":
            self.log_message('"%s" %s', self.path, code)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens where nginx alone may connect: its folder is closed to others."""

    daemon_threads = True
    request_queue_size = 128


def serve() -> None:
    """Answer until the end."""
    if SOCKET.exists():
        SOCKET.unlink()
    with Server(str(SOCKET), Handler) as server:
        server.serve_forever()


def replace() -> None:
    """Take a login from standard input, whole or not at all; root and nginx's group may read it."""
    text = sys.stdin.read()
    if sorted(json.loads(text)) != ["hash", "key", "salt"]:
        sys.exit("that is no login")
    part = STATE / "login.json.part"
    handle = os.open(str(part), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        os.fchown(handle, 0, grp.getgrnam("www-data").gr_gid)
        file.write(text)
    part.rename(STATE / "login.json")


if __name__ == "__main__":
    replace() if sys.argv[1:] == ["set"] else serve()
