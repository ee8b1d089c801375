"""Work on several hosts at once, each with a view of its own on one board; how it went is told at the end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from provision.model.errors import GpurigError, NotHere
from provision.screen.board import Board, RowView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provision.model.host import Host
    from provision.screen.progress import View

PATIENCE = 0.3
"""Seconds of work before the table shows: what is over sooner needs none."""


class Crew:
    """Does one thing on several hosts at once, a thread each."""

    def __init__(self, hosts: Sequence[Host], action: Callable[[Host, View], None]) -> None:
        self.hosts = hosts
        self.action = action
        self.failures: list[GpurigError | None] = [None] * len(hosts)
        self._broken: list[BaseException] = []
        self._said: dict[str, str] = {}

    def work(self) -> list[GpurigError | None]:
        """Return what went wrong on each host; one that fails is told at once and keeps no other waiting.

        `NotHere` of some counts as nothing, that of all as theirs. Ctrl-C raises `KeyboardInterrupt` here at once; what
        the hosts were asked for, they go on with.
        """
        with Board(self.hosts) as board:
            # Daemons: after Ctrl-C nobody waits for what a host still has to say.
            numbers = range(len(self.hosts))
            threads = [threading.Thread(target=self._one, args=(board, i), daemon=True) for i in numbers]
            for thread in threads:
                thread.start()
            threads[0].join(PATIENCE)
            if any(thread.is_alive() for thread in threads):
                board.show()
            for thread in threads:
                thread.join()
            if self._broken:
                raise self._broken[0]
            if not all(isinstance(error, NotHere) for error in self.failures):
                return [None if isinstance(error, NotHere) else error for error in self.failures]
            for row, error in zip(board.rows, self.failures, strict=True):
                if error is not None:
                    self._tell(RowView(board, row), error)
        return self.failures

    def _one(self, board: Board, number: int) -> None:
        row = board.rows[number]
        out = RowView(board, row)
        try:
            self.action(self.hosts[number], out)
            row.now = "done"
        except NotHere as error:
            self.failures[number] = error
            row.now = "not here"
        except GpurigError as error:
            self.failures[number] = error
            row.failed = True
            row.now = error.what.partition("\n")[0]
            self._tell(out, error)
        except BaseException as error:  # noqa: BLE001 - raised again where the program can end of it
            row.failed = True
            self._broken.append(error)
        finally:
            row.ended = time.monotonic()

    def _tell(self, out: RowView, error: GpurigError) -> None:
        """Say what went wrong on a host, in full on the first of those with the same."""
        first = self._said.setdefault(str(error), out.row.name)
        out.tell(f"error: {error}" if first == out.row.name else f"error: the same as on {first}")


def summary(hosts: Sequence[Host], failures: Sequence[GpurigError | None]) -> str:
    """Return how many hosts failed, which, with what and which last words; those with the same stand together."""
    failed: dict[tuple[str, str], list[str]] = {}
    for host, error in zip(hosts, failures, strict=True):
        if error is not None:
            why, *more = error.what.splitlines() or [""]
            failed.setdefault((why, more[-1].strip() if more else ""), []).append(host.name)
    lines = [f"{sum(map(len, failed.values()))} of {len(hosts)} hosts failed:"]
    for (why, last), names in failed.items():
        lines += [f"  {', '.join(names)}: {why}", *([f"    {last}"] if last else [])]
    return "\n".join(lines)
