"""`fab lab` and `fab tensorboard` as a user types them, with a browser that only notes what it is to open."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.installs.box import Box
from tests.kit.fab import FAB
from tests.kit.wait import until


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a verb said and did."""

    line: str
    asked: str
    """What the browser was started with."""

    @property
    def secret(self) -> str:
        """The address with its token, as the page has it that the browser is to open."""
        text = Path(self.asked.removeprefix("file://")).read_text(encoding="utf-8")
        found = re.search(r'url=([^"]+)"', text)
        assert found, text
        return found[1].replace("&amp;", "&")

    @property
    def token(self) -> str:
        return re.split(r"[?&]token=", self.secret)[1]


@contextlib.contextmanager
def opened(box: Box, *words: str) -> Iterator[Opened]:
    """Run a verb until it has started the browser; Ctrl-C at the end, which has to end it well and leave no page."""
    noted, browser = box.folder / "noted", box.folder / "browser"
    noted.unlink(missing_ok=True)
    browser.write_text(f'#!/bin/sh\necho "$*" >{noted}.part; mv {noted}.part {noted}\n')
    browser.chmod(0o755)
    env = {**box.env, "BROWSER": f"{browser} %s"}
    program = subprocess.Popen([*FAB, *words], cwd=box.folder, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout
        line = program.stdout.readline()
        assert line, "it ended without a word"
        until(noted.exists)
        yield Opened(line, noted.read_text().strip())
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
        assert not list(box.folder.glob("gpurig-open-*"))
    finally:
        program.kill()
        program.communicate()


def command_lines() -> str:
    """Return the command lines of all processes of this machine, the boxes' among them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(found)
