"""A bench that is not over: what it is of and how far it came, kept beside its results until it is compared."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Self

from provision.work.trial import writing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "going.json"


@dataclasses.dataclass(kw_only=True)
class Going:
    """How far a bench on one host came; each change is written down at once."""

    into: Path
    """The folder of its results."""
    work: Mapping[str, Any]
    """What it is of: only the very same work goes on."""
    machine: Mapping[str, Any] | None = None
    """What it runs on."""
    runs: dict[str, str] = dataclasses.field(default_factory=dict)
    """Half ("cpu", "gpu") → the name of its run on the host, from just before it is started."""
    done: list[str] = dataclasses.field(default_factory=list)
    """Halves whose results are here, whole and read."""

    @classmethod
    def find(cls, folders: list[Path], work: Mapping[str, Any]) -> Self | None:
        """Return the newest of the benches in these folders that is of this work and not over."""
        for folder in sorted(folders, reverse=True):
            try:
                table = json.loads((folder / FILE).read_text(encoding="utf-8"))
                found = cls(into=folder, **table)
            except (OSError, ValueError, TypeError):  # none, or one that a later release writes otherwise
                continue
            if found.work == work:
                return found
        return None

    def on(self, machine: Mapping[str, Any]) -> bool:
        """Return whether it can go on there: halves from two machines compare nothing."""
        if self.machine is None:
            self.machine = machine
            self.write()
        return self.machine == machine

    def begins(self, half: str, run: str) -> None:
        """Note the run of a half, which is about to start."""
        self.runs[half] = run
        self.write()

    def has(self, half: str) -> None:
        """Note that a half is here and was read."""
        if half not in self.done:
            self.done.append(half)
            self.write()

    def lacks(self, half: str) -> None:
        """Note that a half is not here any more; its run may have it still."""
        self.done.remove(half)
        self.write()

    def forget(self, half: str) -> None:
        """Note that a half is of no use, and has to be run again."""
        self.runs.pop(half, None)
        self.write()

    def write(self) -> None:
        """Write it down, whole or not at all. Raises `BadInput` where that cannot be."""
        table = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "into"}
        part = self.into / f".{FILE}.part"
        with writing():
            part.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
            part.replace(self.into / FILE)

    def close(self) -> None:
        """Be over: the next bench is another one."""
        (self.into / FILE).unlink(missing_ok=True)
