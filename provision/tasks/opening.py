"""A host's web page that asks for a token, opened in the browser of this machine."""

from __future__ import annotations

import contextlib
import html
import os
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from provision.tasks import forwarding
from provision.tasks.output import tell
from provision.transport.session import Session
from provision.work import webpage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.tasks.context import Context
    from provision.work.webpage import WebPage

OPTIONS = {
    "no_browser": "print the address, with its token, in place of opening it",
    "local": "port on this machine; the page's own, or the next free one, where not given",
}


def open_page(c: Context, page: WebPage, *, local: str, no_browser: bool, run: str = "") -> None:
    """Open a page through a tunnel until Ctrl-C; `run`: the only one that it shows. Raises `BadInput`."""
    port = forwarding.ports(local=local)[0] if local else 0
    host = c.one_host()
    listening = forwarding.listen(page.verb, port) if port else forwarding.listen_near(page.verb, page.port)
    with listening as forwarder, Session(host, c.config, tell=tell) as session:
        here, query = int(forwarder.server_address[1]), webpage.only(session, run) if run else {}
        secret = page.url(here, {**query, "token": webpage.token(session, page)})
        if no_browser:
            forwarding.forward(forwarder, session, page.port, lambda host: f"{page.name} of {host}: {secret}")
            return
        with _leading_to(secret) as file:
            threading.Thread(target=_browse, args=(file, page.verb), daemon=True).start()
            url = page.url(here, query)
            forwarding.forward(forwarder, session, page.port, lambda host: f"{page.name} of {host} is at {url}")


@contextlib.contextmanager
def _leading_to(url: str) -> Iterator[Path]:
    """Make a page of this account's alone that leads to an address: a browser's command line is for all to read.

    In the home folder: a browser from a snap sees nothing of /tmp and of hidden folders.
    """
    home = Path.home()
    with tempfile.TemporaryDirectory(prefix="gpurig-open-", dir=home if os.access(home, os.W_OK) else None) as folder:
        file = Path(folder, "open.html")
        refresh = f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">'
        file.write_text(f'<!doctype html><meta name="referrer" content="no-referrer">{refresh}\n', encoding="utf-8")
        yield file


def _browse(file: Path, verb: str) -> None:
    """Open a page of this machine's in the user's browser."""
    if not webbrowser.open(file.as_uri()):
        tell(f"no browser opens here: fab {verb} --no-browser prints the address")
