"""A run: a command that goes on by itself on a host."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from provision.agent.words import RunState

if TYPE_CHECKING:
    from provision.agent.wire.documents import RunRow


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run, as the host tells of it."""

    name: str
    command: str
    state: RunState
    since: float
    """When it was started, in seconds of UTC."""
    seconds: float
    """How long it ran, or has run until now."""
    code: int | None = None
    """Its exit code, 128 + n for signal n; None while it runs and where it is lost without one."""
    why: str = ""
    """What ended it, where that was neither the command itself nor `fab cancel`."""
    recipe: str = ""
    folder: str = ""
    """The command's working folder on the host."""
    path: str = ""
    """Its own folder on the host: run.json, script, log, results/."""
    resumable: bool = False
    """Whether it was cut off by the end of its box, and may be started again."""
    resumed: int = 0
    """How often it was started again."""
    resume: str = ""
    """The command that goes on with it, where that is another one."""
    installed: tuple[str, ...] | None = None
    """The recipes that were on its box when it was started; None: nobody knows."""
    asked: str = ""
    """What the user asked for, where the command is how gpurig does that: "fab dataset-get https://…"."""

    @property
    def shown(self) -> str:
        """What it does, on one line: what the user asked for, else the command."""
        return " ".join((self.asked or self.command).split())

    @classmethod
    def from_row(cls, row: RunRow) -> Self:
        """Read what the host says of a run."""
        return cls(
            name=row["name"],
            command=row["command"],
            state=RunState(row["state"]),
            since=row["since"],
            seconds=row["seconds"],
            code=row["code"],
            why=row["why"],
            recipe=row["recipe"],
            folder=row["folder"],
            path=row["path"],
            resumable=row["resumable"],
            resumed=len(row.get("resumed", ())),
            resume=row.get("resume", ""),
            installed=tuple(row["installed"]) if "installed" in row else None,
            asked=row.get("asked", ""),
        )
