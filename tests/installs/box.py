"""A machine of the user's own: no GPU, no Pulumi stack and no instance id."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.kit.fab import FAB


@dataclasses.dataclass(frozen=True)
class Box:
    """A machine of the user's own, and the folder from which the user works on it."""

    address: str
    folder: Path
    env: dict[str, str]
    user: str = "ubuntu"

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab` as a user does; returns both outputs, and fails unless it ends with `code`."""
        done = self._run([*FAB, *words])
        assert done.returncode == code, f"fab {' '.join(words)}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def packages(self, python: str) -> list[str]:
        """Return what is installed for a Python on the box, as `pip freeze` says it."""
        return self.ssh(f"{python} -m pip freeze").split()

    def serve_network(self, name: str) -> None:
        """Write a network of random weights, and its checksum, where the box serves files to itself."""
        write = Path(__file__).with_name("caffemodel.py").read_text(encoding="utf-8")
        self.ssh(f"cd ~/networks && python3 - {name} <<'END'\n{write}\nEND\nsha256sum {name} >{name}.sha256")

    def serve(self) -> None:
        """Have the box serve the files of ~/networks to itself, on port 8000."""
        serve = "python3 -m http.server --bind 127.0.0.1 8000"
        self.ssh(f"mkdir ~/networks && sudo systemd-run -q --working-directory=$HOME/networks {serve}")

    def ssh(self, command: str) -> str:
        """Return what a shell command prints on the box."""
        options = ["-i", self.env["GPURIG_SSH_KEY"], "-o", f"UserKnownHostsFile={self.folder}/.ssh/known_hosts"]
        done = self._run(["ssh", "-q", *options, f"{self.user}@{self.address}", command])
        assert not done.returncode, f"{command}: exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(command, cwd=self.folder, env=self.env, check=False, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def result(folder: Path, name: str) -> Any:
    """Return what is in the one JSON file of that name, wherever below the folder a run's results are put."""
    (path,) = folder.rglob(name)
    return json.loads(path.read_text(encoding="utf-8"))
