"""What was taken from this machine, on disk before it is taken, so that a later process can give it back.

Entries are names made for one run of one cloud (with its random tag, or a path in its state folder), never process ids:
whatever still answers to such a name is ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from rehearsal.errors import RehearsalError
from rehearsal.locks import Held, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


class Entry(NamedTuple):
    """One thing taken: `kind` says how it is given back, `name` which one it is."""

    kind: str
    name: str


class Ledger:
    """The list of entries of one state folder, oldest first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries = self._read()

    def take(self, kind: str, name: str) -> None:
        """Write down what is about to be taken; taking it twice is one entry."""
        with self._lock:
            if Entry(kind, name) not in self._entries:
                self._write([*self._entries, Entry(kind, name)])

    def drop(self, kind: str, name: str) -> None:
        """Strike out what has been given back."""
        with self._lock:
            self._write([entry for entry in self._entries if entry != Entry(kind, name)])

    def give_back(self, releases: Mapping[str, Callable[[str], object]]) -> list[str]:
        """Give everything back, kind by kind as `releases` is ordered, and return what it was.

        What cannot be given back stays in the ledger; RehearsalError at the end says so.
        """
        done, failed = [], []
        for kind, name in sorted(self._entries, key=lambda entry: list(releases).index(entry.kind)):
            try:
                releases[kind](name)
            except (RehearsalError, OSError) as error:
                failed.append(f"{kind} {name} ({error})")
            else:
                self.drop(kind, name)
                done.append(f"{kind} {name}")
        if failed:
            raise RehearsalError(f"could not give back {'; '.join(failed)}: it stays listed in {self._path}")
        return done

    def _read(self) -> list[Entry]:
        try:
            return [Entry(kind, name) for kind, name in json.loads(self._path.read_text())]
        except FileNotFoundError:
            return []
        except ValueError as error:
            raise RehearsalError(f"{self._path} is damaged: look for what it lists, then delete it") from error

    def _write(self, entries: list[Entry]) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("w") as file:
            json.dump(entries, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        self._entries = entries


def ledger_of(state: Path) -> Path:
    """Return where the ledger of a state folder lies."""
    return state / "boxes" / "taken.json"


@contextlib.contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold a state folder's boxes for this process; RehearsalError where another one has them."""
    (state / "boxes").mkdir(parents=True, exist_ok=True)
    try:
        with locked(state / "boxes" / ".lock", wait=False):
            yield
    except Held:
        raise RehearsalError(f"a rehearsal cloud is running in {state}: stop it first") from None
