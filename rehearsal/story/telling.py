"""How a story is told: every command is shown before it runs, and each chapter is timed."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shlex
import subprocess
import time
from typing import TYPE_CHECKING, Any

from rehearsal.errors import RehearsalError
from rehearsal.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.site import Site


@dataclasses.dataclass
class Story:
    """Runs commands as a user would, shows each before it runs, and keeps the seconds of every chapter."""

    site: Site
    boxes: bool
    folder: Path = ROOT
    """The project that the commands are typed in."""
    system: str = ""
    """The first box's operating system as it says itself, `ubuntu-22.04`; empty without boxes."""
    chapters: list[tuple[str, float]] = dataclasses.field(default_factory=list)

    @contextlib.contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """Time what happens inside and list it in the summary."""
        print(f"\n── {title} " + "─" * max(3, 96 - len(title)), flush=True)
        began = time.monotonic()
        yield
        self.chapters.append((title, time.monotonic() - began))

    def do(self, *command: str, shown: str = "", quiet: bool = False) -> str:
        """Run a command with its output on the screen; returns the output when `quiet`. Raises `RehearsalError`."""
        print(f"\n$ {shown or shlex.join(command)}", flush=True)
        pipe = subprocess.PIPE if quiet else None
        done = subprocess.run(
            command, cwd=self.folder, env=self.site.env, stdin=subprocess.DEVNULL, stdout=pipe, text=True, check=False
        )
        if done.returncode:
            raise RehearsalError(f"`{shown or shlex.join(command)}` ended with exit code {done.returncode}")
        return done.stdout or ""

    def host(self) -> dict[str, Any]:
        """Return the stack's box, as its outputs describe it."""
        document = json.loads(self.ask("pulumi", "stack", "output", "gpurig", "--json"))
        host: dict[str, Any] = document["hosts"][0]
        return host

    def ask(self, *command: str) -> str:
        """Run a command that only looks, without showing it; returns its output. Raises `RehearsalError`."""
        done = subprocess.run(command, cwd=self.folder, env=self.site.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RehearsalError(f"`{shlex.join(command)}`: {done.stderr.strip()}")
        return done.stdout

    def on_box(self, command: str) -> str:
        """Run a command on the box and show what it says."""
        out = self.do("fab", "ssh", "--command", command, quiet=True)
        print(out, end="", flush=True)
        return out
