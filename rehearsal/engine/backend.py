"""The ``file://`` backend: where the stacks of a project live, and which one is selected."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError, StackNotFound, Unsupported

if TYPE_CHECKING:
    from rehearsal.engine.project import Project


class Backend:
    """Pulumi's own layout: ``.pulumi/stacks/<project>/<stack>.json`` under a folder."""

    def __init__(self, project: Project, url: str) -> None:
        if not url.startswith("file://"):
            raise Unsupported(f"the backend {url!r} (only file://)")
        self.project = project
        self.url = url
        folder = Path(url.removeprefix("file://")).expanduser()
        self.folder = (project.root / folder).resolve() / ".pulumi"

    @classmethod
    def of(cls, project: Project) -> Backend:
        """Find the backend that PULUMI_BACKEND_URL names."""
        url = os.environ.get("PULUMI_BACKEND_URL")
        if not url:
            raise EngineError("no backend is chosen: set PULUMI_BACKEND_URL=file://DIR (this engine has no service)")
        return cls(project, url)

    def state_file(self, stack: str) -> Path:
        """Give the file that holds a stack's state."""
        return self.folder / "stacks" / self.project.name / f"{stack}.json"

    def lock_folder(self, stack: str) -> Path:
        """Give the folder whose files say who is at work on a stack."""
        return self.folder / "locks" / "organization" / self.project.name / stack

    def stacks(self) -> list[str]:
        """List the names of the project's stacks."""
        return sorted(file.stem for file in self.state_file("*").parent.glob("*.json"))

    def stack_name(self, name: str) -> str:
        """Check a stack's name."""
        if bad := re.search(r"[^A-Za-z0-9._-]", name):
            raise EngineError(
                "a stack name may only contain alphanumeric, hyphens, underscores, or periods: "
                f"invalid character {bad.group()!r} at position {bad.start()}"
            )
        return name

    def require(self, name: str | None) -> str:
        """Give the named stack, or the selected one; raise where there is none."""
        chosen = name or os.environ.get("PULUMI_STACK") or self.selected()
        if not chosen:
            raise EngineError(
                "no stack selected; please use `pulumi stack select` or `pulumi stack init` to choose one"
            )
        stack = self.stack_name(chosen)
        if not self.state_file(stack).exists():
            raise StackNotFound(f"no stack named '{stack}' found")
        return stack

    @property
    def _workspace_file(self) -> Path:
        import hashlib  # noqa: PLC0415  loads OpenSSL; where the stack is named, this is not asked

        home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        digest = hashlib.sha1(str(self.project.file).encode(), usedforsecurity=False).hexdigest()
        return home / "workspaces" / f"{self.project.name}-{digest}-workspace.json"

    def _workspace(self) -> dict[str, Any]:
        try:
            workspace: dict[str, Any] = json.loads(self._workspace_file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise EngineError(f"could not read {self._workspace_file}: {error}") from error
        return workspace

    def selected(self) -> str | None:
        """Give the stack that `pulumi stack select` chose."""
        name = (self._workspace().get("stacks") or {}).get(self.url)
        return name.rsplit("/", 1)[-1] if name else None

    def select(self, stack: str | None) -> None:
        """Remember the stack for the next commands; None forgets it."""
        stacks = dict(self._workspace().get("stacks") or {})
        stacks.pop(self.url, None)
        if stack is not None:
            stacks[self.url] = f"organization/{self.project.name}/{stack}"
        self._workspace_file.parent.mkdir(parents=True, exist_ok=True)
        self._workspace_file.write_text(json.dumps({**self._workspace(), "stacks": stacks}))
