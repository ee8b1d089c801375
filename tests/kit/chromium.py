"""A headless Chromium that a test drives: one page of it, over the DevTools protocol through a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.history.browser import OPTIONS, PROGRAM, SECONDS

NAMES = "--host-resolver-rules=MAP *.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
"""Every name below .example is this machine, as a stranger's DNS can say of his own names."""


class Page:
    """The page."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._rest, self._number, self._session = b"", 0, ""
        page = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]

    def open(self, url: str) -> str:
        """Go to an address, as one who types it; returns the text that is there, or what the browser says."""
        went = self._call("Page.navigate", url=url)
        if went.get("errorText"):
            return f"{went['errorText']}"
        return str(self.wait("document.readyState == 'complete' && document.body.innerText || ''"))

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page; a promise is waited for. Raises `LookupError` as it throws."""
        said = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in said:
            raise LookupError(said["exceptionDetails"])
        return said["result"].get("value")

    def wait(self, script: str, seconds: float = SECONDS) -> Any:
        """Return the value of an expression, once it is a true one."""
        deadline = time.monotonic() + seconds
        while True:
            # Between two pages there is none to ask.
            with contextlib.suppress(LookupError):
                if value := self.run(script):
                    return value
            assert time.monotonic() < deadline, f"it did not come to: {script}"
            time.sleep(0.05)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        call = {"id": self._number, "method": method, "params": parameters}
        session = {"sessionId": self._session} if self._session else {}
        os.write(self._writes, json.dumps({**call, **session}).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise LookupError(answer["error"])
                return dict(answer["result"])

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            assert select.select([self._reads], [], [], SECONDS)[0], "Chromium says nothing"
            self._rest += os.read(self._reads, 65536)
        whole, _, self._rest = self._rest.partition(b"\0")
        return json.loads(whole)


@contextlib.contextmanager
def page(folder: Path, *options: str) -> Iterator[Page]:
    """Open a browser with a profile of its own in a folder, and one page in it."""
    to_read, to_write = os.pipe(), os.pipe()
    # It reads from its descriptor 3 and writes to 4.
    line = f'exec "$@" 3<&{to_read[0]} 4>&{to_write[1]}'
    given = [
        *[word for word in OPTIONS if "resolver" not in word],
        NAMES,
        *options,
        f"--user-data-dir={folder}/profile",
    ]
    words = ["bash", "-c", line, "chromium", PROGRAM, *given, "--remote-debugging-pipe"]
    with subprocess.Popen(words, pass_fds=(to_read[0], to_write[1]), stderr=-3, stdout=-3) as browser:
        try:
            yield Page(to_write[0], to_read[1])
        finally:
            browser.kill()
            for end in (*to_read, *to_write):
                os.close(end)
