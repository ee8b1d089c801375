"""The state of a stack: Pulumi's checkpoint, version 3, written after every step so that it survives a kill.

Resources are kept in dependency order. During an update, what was handled goes to the front (`_done` of them, in the
order of completion), what was not yet seen stays behind; so the file is valid at every moment.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from typing import TYPE_CHECKING

from rehearsal.engine.checkpoint import read_latest, write_atomically
from rehearsal.engine.errors import EngineError
from rehearsal.engine.resource import Operation, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SECRETS_PROVIDER = "passphrase"


class State:
    """One stack's checkpoint. Without `writable`, changes stay in memory: that is a preview."""

    def __init__(self, file: Path, name: str, salt: str, *, writable: bool = True) -> None:
        self.file = file
        self.name = name
        self.salt = salt
        self.writable = writable
        self.resources: list[Resource] = []
        self.pending: list[Operation] = []
        self._done = 0
        self._lock = threading.RLock()

    @classmethod
    def load(cls, file: Path, name: str, *, writable: bool = False) -> State:
        """Read a checkpoint."""
        latest = read_latest(file)
        secrets = latest.get("secrets_providers") or {}
        if secrets.get("type", SECRETS_PROVIDER) != SECRETS_PROVIDER:
            raise EngineError(f"{file}: secrets of the type {secrets['type']!r}; only {SECRETS_PROVIDER!r} can be read")
        state = cls(file, name, (secrets.get("state") or {}).get("salt", ""), writable=writable)
        state.resources = [Resource.from_json(each) for each in latest.get("resources") or []]
        state.pending = [Operation.from_json(each) for each in latest.get("pending_operations") or []]
        return state

    def save(self) -> None:
        """Replace the file in one move: whoever reads it sees the old state or the new one, never a part."""
        if not self.writable:
            return
        with self._lock:
            latest = {
                "manifest": {"time": now(), "magic": "", "version": ""},
                "secrets_providers": {"type": SECRETS_PROVIDER, "state": {"salt": self.salt}},
                "resources": [each.to_json() for each in self.resources],
                "pending_operations": [each.to_json() for each in self.pending],
                "metadata": {},
            }
            write_atomically(self.file, {"version": 3, "checkpoint": {"stack": self.name, "latest": latest}})

    def begin(self, kind: str, resource: Resource) -> Operation:
        """Note that an operation is about to be asked of a provider, before it is."""
        operation = Operation(kind=kind, resource=resource)
        with self._lock:
            self.pending.append(operation)
            self.save()
        return operation

    def end(
        self, operation: Operation | None = None, changes: Sequence[Callable[[], object]] = (), *, write: bool = True
    ) -> None:
        """Make the changes to the list, forget the operation, and write all of it at once."""
        with self._lock:
            for change in changes:
                change()
            if operation is not None:
                self.pending = [each for each in self.pending if each is not operation]
            if write:
                self.save()

    def place(self, new: Resource, *, instead_of: Resource | None = None) -> None:
        """Put a resource behind those already handled (in memory; `end` writes), its old self out."""
        with self._lock:
            if instead_of is not None:
                self.remove(instead_of)
            self.resources.insert(self._done, new)
            self._done += 1

    def swap(self, old: Resource, new: Resource) -> None:
        """Put a resource where another one was (in memory)."""
        with self._lock:
            self.resources[self._index(old)] = new

    def remove(self, resource: Resource) -> None:
        """Take a resource out (in memory)."""
        with self._lock:
            index = self._index(resource)
            del self.resources[index]
            self._done -= index < self._done

    @property
    def unhandled(self) -> list[Resource]:
        """What no step has touched yet, in dependency order."""
        with self._lock:
            return self.resources[self._done :]

    def _index(self, wanted: Resource) -> int:
        key = (wanted.urn, wanted.id, wanted.delete)
        return next(i for i, each in enumerate(self.resources) if (each.urn, each.id, each.delete) == key)

    def forget_interrupted(self) -> None:
        """Drop what an interrupted run left pending, but for creations: what came of those is not known."""
        with self._lock:
            self.pending = [each for each in self.pending if each.kind == "creating"]

    def forget_gone(self) -> None:
        """Drop references to resources that are no longer there, and with them dangling parents."""
        with self._lock:
            there = {each.urn for each in self.resources}
            self.resources = [each.without_references_beyond(there) for each in self.resources]


def create_state(file: Path, name: str, salt: str) -> None:
    """Write the empty state of a new stack, and mark the folder as a backend of this layout for the Pulumi CLI."""
    file.parent.mkdir(parents=True, exist_ok=True)
    meta = file.parents[2] / "meta.yaml"
    if not meta.exists():
        meta.write_text("version: 1\n")
    State(file, name, salt).save()


def now() -> str:
    """Give the time as Pulumi writes it."""
    return dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")


def touched(resource: Resource, old: Resource | None = None) -> Resource:
    """Give the resource with its times set: changed now, created now or when `old` was."""
    time = now()
    return dataclasses.replace(resource, created=(old.created if old else "") or time, modified=time)
