"""A bundle: ordered steps for one host, as plain data with a digest. It travels in user-data or over SSH."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provision.agent.wire.documents import Graph, KeptAbout


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One recipe, rendered. `install` and `verify` are whole bash scripts."""

    name: str
    version: str
    install: str
    verify: str
    files: tuple[dict[str, str], ...]
    """Files to write before the install: path, mode (octal), content."""
    env: dict[str, str]
    timeout: int
    """Seconds that the install may take."""
    disk_gib: float
    reboot: bool
    undo: str
    notes: tuple[str, ...]
    """What is not as the recipe would have it by default, in words for the user: an unpinned mirror, another source."""
    keeps: tuple[str, ...] = ()
    """Folders whose content is worth keeping on the job volume."""
    recipe: str = ""
    """What of the recipe decides what the step does, whatever the host and its settings. It does not travel."""
    key: str = ""
    """What that is kept under: a digest of all that it depends on; "" where nothing of the step is kept."""
    needs: tuple[str, ...] = ()
    """All steps of the bundle that have to be done before it. It travels in the bundle's graph, and so does:"""
    builds: bool = False
    """Whether it takes every core and the memory to go with them."""

    @property
    def digest(self) -> str:
        """Return a digest of what of the recipe decides what the step does, and one of all that does."""
        content = (self.name, self.version, self.install, self.verify, self.files, self.env)
        return f"{_digest(self.recipe)[:16]}-{_digest(content)[:32]}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
    """Ordered steps for one host."""

    name: str
    steps: tuple[Step, ...]
    lib: str
    """The bash functions that the scripts use and no others; it lies beside them when they run."""
    kept: KeptAbout | None = None
    """What is to be known to keep builds on the job volume; None where nothing is kept."""
    in_turn: bool = False
    """Whether the steps go one after the other, and not at once as far as their needs let them."""

    @functools.cached_property
    def digest(self) -> str:
        """Return the SHA-256 over everything in the bundle."""
        return _digest(self._document())

    def to_bytes(self) -> bytes:
        """Return the bundle as canonical JSON: what user-data carries and what SSH carries."""
        return _canonical({**self._document(), "digest": self.digest})

    def _document(self) -> dict[str, Any]:
        steps = [{**dataclasses.asdict(step), "digest": step.digest} for step in self.steps]
        for step in steps:
            for key in ("recipe", "needs", "builds"):
                del step[key]
        document: dict[str, Any] = {"name": self.name, "steps": steps, "lib": self.lib}
        if self.kept:
            document["kept"] = self.kept
        if graph := self._graph():
            document["graph"] = graph
        return document

    def _graph(self) -> Graph | None:
        """Return what the steps wait for; None where each waits for the one before it."""
        names = [step.name for step in self.steps]
        needs = {step.name: [name for name in names if name in step.needs] for step in self.steps}
        if self.in_turn or all(needs[name] == names[:number] for number, name in enumerate(names)):
            return None
        return {"needs": needs, "builds": [step.name for step in self.steps if step.builds]}


def _digest(value: object) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
