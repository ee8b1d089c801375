"""A machine of the user's own: no GPU, no Pulumi stack and no instance id."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from typing import TYPE_CHECKING, Self

from tests.kit.fab import FAB

if TYPE_CHECKING:
    from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Box:
    """A machine of the user's own, and the folder from which the user works on it."""

    address: str
    folder: Path
    env: dict[str, str]

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` as a user does; returns both outputs, and fails unless it ends with `code`."""
        done = self._run([*FAB, *words])
        assert done.returncode == code, f"fab {' '.join(words)}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def with_recipe(self, recipe: str) -> Self:
        """Set a recipe up that is not there yet, and find it again; returns the box."""
        assert re.search(rf"\b{recipe} +installed in", self.fab(f"setup-{recipe}"))
        assert "nothing to do" in self.fab(f"setup-{recipe}")
        return self

    def packages(self, python: str) -> list[str]:
        """Return what is installed for a Python on the box, as `pip freeze` says it."""
        return self.ssh(f"{python} -m pip freeze").split()

    def ssh(self, command: str) -> str:
        """Return what a shell command prints on the box."""
        options = ["-i", self.env["GPURIG_SSH_KEY"], "-o", f"UserKnownHostsFile={self.folder}/.ssh/known_hosts"]
        done = self._run(["ssh", "-q", *options, f"ubuntu@{self.address}", command])
        assert not done.returncode, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command, cwd=self.folder, env=self.env, check=False, text=True, **pipes)  # type: ignore[call-overload,no-any-return]
