"""Somebody at a terminal, in the folder of a project, with one box."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.kit.box import Machine, run
from tests.kit.fab import FAB, fab_ends


@dataclasses.dataclass(frozen=True)
class User:
    """The user, and root on the box."""

    machine: Machine
    folder: Path

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` and return both its outputs; it has to end with `code`."""
        done = fab_ends(code, *words, cwd=self.folder)
        return done.stdout + done.stderr

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start `fab` and return it while it runs."""
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen([*FAB, *words], cwd=self.folder, text=True, **pipes)

    def ps(self) -> dict[str, dict[str, Any]]:
        """Return what `fab ps --json` says, by the runs' names."""
        return {row["name"]: row for row in map(json.loads, self.fab("ps", "--json").splitlines())}

    def root(self, command: str) -> str:
        """Run a command as root on the box."""
        return run(self.machine, command)
