"""The process of the user's program."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.engine.errors import EngineError
from rehearsal.engine.langhost import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.engine.names import Names
    from rehearsal.engine.project import Project

PARALLEL = 16
_LAST_LINES = 5.0
"""Seconds for the last lines of output; a child that the program left behind may hold the pipe for ever."""


class Program:
    """One run of the program; each line that it prints goes to `show`."""

    def __init__(
        self,
        project: Project,
        names: Names,
        address: str,
        config: dict[str, str],
        show: Callable[[str], None],
        *,
        preview: bool,
    ) -> None:
        settings = {
            "project": names.project,
            "stack": names.stack,
            "organization": "organization",
            "root_directory": str(project.root),
            "parallel": PARALLEL,
            "engine": address,
            "monitor": address,
            "dry_run": preview,
        }
        host = Path(__file__).with_name("langhost.py")
        # -P: the folder of the script must not lie on the program's path. Its own process group: Ctrl-C is for us.
        self._process = subprocess.Popen(
            [project.python, "-P", str(host), str(project.root), json.dumps(settings)],
            cwd=project.root,
            env={**os.environ, "PULUMI_CONFIG": json.dumps(config), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        self._pump = threading.Thread(target=self._show_lines, args=(show,), daemon=True)
        self._pump.start()

    def _show_lines(self, show: Callable[[str], None]) -> None:
        for line in self._process.stdout or ():
            show(line.rstrip("\n"))

    def ended(self, patience: float) -> bool:
        """Wait so many seconds for the end; say whether it came."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return False
        self._pump.join(_LAST_LINES)
        return True

    def check(self) -> None:
        """Raise EngineError where the end was not a good one; without a message where the program said why."""
        code = self._process.returncode
        if code == SHOWN:
            raise EngineError
        if code != 0:
            raise EngineError(f"an unhandled error occurred: program exited with non-zero exit code: {code}")

    def end(self) -> None:
        """Force the end."""
        self._process.kill()
        self.ended(_LAST_LINES)
