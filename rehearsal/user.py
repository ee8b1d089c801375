"""A user of the project in a rehearsal: a copy of it in a folder, and the commands that are typed there."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from rehearsal.errors import RehearsalError
from rehearsal.site import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.cloud.handle import Cloud
    from rehearsal.site import Site


@dataclasses.dataclass(frozen=True)
class User:
    """Somebody with the project in a folder and the three commands on PATH."""

    site: Site
    project: Path

    @classmethod
    def arrives(cls, site: Site) -> User:
        """Copy the project as git sees it, so that what a user configures stays in the rehearsal; select the stack."""
        user = cls(site, _copy(site.state / "project"))
        user.pulumi("stack", "select", site.stack, "--create")
        return user

    @property
    def cloud(self) -> Cloud:
        """The cloud that all of it happens in."""
        return self.site.cloud

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command in the project; returns both outputs. Raises `RehearsalError` unless it ends with `code`."""
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(words, cwd=self.project, env=self.site.env, check=False, text=True, **pipes)
        if done.returncode != code:
            raise RehearsalError(f"`{shlex.join(words)}` ended with exit code {done.returncode}:\n{done.stdout}")
        return str(done.stdout)

    def fab(self, *words: str, code: int = 0) -> str:
        """Run `fab`."""
        return self.run("fab", *words, code=code)

    def pulumi(self, *words: str, code: int = 0) -> str:
        """Run `pulumi`."""
        return self.run("pulumi", *words, code=code)

    def config(self, key: str, value: str) -> None:
        """Set a key of the namespace gpurig."""
        self.pulumi("config", "set", f"gpurig:{key}", value)

    def up(self) -> None:
        """Make what the configuration wants."""
        self.pulumi("up", "--yes")

    def destroy(self) -> None:
        """Tear it down."""
        self.pulumi("destroy", "--yes")

    def hosts(self) -> list[dict[str, Any]]:
        """Return the hosts of the stack's output document."""
        document = json.loads(self.pulumi("stack", "output", "gpurig", "--json"))
        hosts: list[dict[str, Any]] = document["hosts"]
        return hosts

    def on_box(self, command: str, *, limit: str = "") -> str:
        """Return what a shell command prints on the box, or on one of several."""
        return self.fab("ssh", "--command", command, *(("--limit", limit) if limit else ()))


def _copy(folder: Path) -> Path:
    """Copy the working tree, as git sees it, into a folder, and return that."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        source, goal = ROOT / name, folder / name
        if source.exists() or source.is_symlink():  # git lists what was deleted and not committed, too
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, goal, follow_symlinks=False)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder
