"""A headless Chromium that opens a page of this machine: what its scripts make of it, its picture, what it asks for."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.kit.page import Element, Reader

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
# It runs as root, where its sandbox cannot; no name leads anywhere, for what Chromium itself would like to ask.
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND")
SIZE = (1280, 1400)
"""The window, in pixels."""
SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Shown:
    """What came of a page."""

    dom: Element
    """As its scripts left it."""
    picture: Path
    asked: set[str]
    """The addresses that the page had fetched, its own aside."""


def show(page: Path, folder: Path, *, fragment: str = "", zone: str = "UTC") -> Shown:
    """Open a page at a fragment, as a reader of a time zone does."""
    folder.mkdir()
    options = [
        *OPTIONS,
        f"--user-data-dir={folder}/profile",
        f"--log-net-log={folder}/net.json",
        f"--screenshot={folder}/page.png",
        "--window-size={},{}".format(*SIZE),
        "--dump-dom",
    ]
    done = subprocess.run(
        [PROGRAM, *options, f"{page.as_uri()}#{fragment}"],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    events = json.loads((folder / "net.json").read_text(encoding="utf-8"))["events"]
    requests = [event["params"] for event in events if "initiator" in event.get("params", {})]
    # What no page began is Chromium's own: its updates, its clock.
    asked = {request["url"] for request in requests if request["initiator"] != "not an origin"}
    shutil.rmtree(folder / "profile", ignore_errors=True)
    return Shown(Reader(done.stdout).stack[0], folder / "page.png", asked)
