"""Work on several hosts at once: one table with a row per host on a terminal, lines with the host's name elsewhere."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING, Self

from provision.model.errors import GpurigError, NotHere
from provision.screen import progress, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.live import Live
    from rich.text import Text

    from provision.model.host import Host
    from provision.screen.progress import View

PATIENCE = 0.3
"""Seconds of work before the table shows: what is over sooner needs none."""
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclasses.dataclass
class Row:
    """How far one host is."""

    name: str
    now: str = "waiting for its answer"
    began: float = dataclasses.field(default_factory=time.monotonic)
    ended: float | None = None
    failed: bool = False


class Board:
    """What the views of all hosts write to, one at a time. Use as a context manager: after it, nothing is printed."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.rows = [Row(host.name) for host in hosts]
        self.width = max(len(row.name) for row in self.rows)
        self._lock = threading.Lock()
        self._open = True
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open = False
        if self._live is not None:
            self._live.stop()

    def show(self) -> None:
        """Show the table, where standard output is a terminal."""
        if not terminal.moves():
            return
        with self._lock:
            self._live = progress.live(self._table)

    def print(self, text: str, *, error: bool = False) -> None:
        """Print lines that nothing comes between."""
        with self._lock:
            if self._open:
                progress.above(self._live, text, error=error)

    def _table(self) -> Text:
        """Return a row per host, at most so many that lines above them stay to be seen."""
        from rich.text import Text  # noqa: PLC0415

        size = self._live.console.size if self._live else None
        height, width = (size.height, size.width) if size else (len(self.rows), 80)
        shown = self._chosen(max(2, height * 3 // 4))
        lines = [self._line(row) for row in shown]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        if left := len(self.rows) - len(shown):
            done = sum(row.ended is not None for row in self.rows)
            lines.append(Text(f"  and {left} more; {done} of {len(self.rows)} are done"))
        return Text("\n").join(lines)

    def _line(self, row: Row) -> Text:
        """Return what is shown of one host."""
        from rich.text import Text  # noqa: PLC0415

        now = time.monotonic()
        frame, style = FRAMES[int(now * progress.FRAMES_PER_SECOND) % len(FRAMES)], ""
        if row.ended is not None:
            frame, style = ("✗", "red") if row.failed else ("✓", "green")
        seconds = f"{(row.ended or now) - row.began:.0f} s"
        return Text.assemble((frame, style), f" {row.name:<{self.width}}  {seconds:>6}  {row.now}")

    def _chosen(self, room: int) -> list[Row]:
        """Return the rows for so many lines, in the hosts' order: those at work before those that are done."""
        if len(self.rows) <= room:
            return self.rows
        first = sorted(range(len(self.rows)), key=lambda i: (self.rows[i].ended is not None, i))[: room - 1]
        return [self.rows[i] for i in sorted(first)]


class RowView:
    """The view of one of several hosts."""

    def __init__(self, board: Board, row: Row) -> None:
        self.board = board
        self.row = row

    def line(self, text: str) -> None:
        """Print lines, each after the host's name."""
        self.board.print(self._named(text))

    def now(self, text: str) -> None:
        """Put a text into the host's row."""
        self.row.now = " · ".join(" ".join(line.split()) for line in text.split("\n"))

    def block(self, text: str) -> None:
        """Print lines together and as they are."""
        self.board.print(text)

    def tell(self, text: str) -> None:
        """Print on standard error, after the host's name."""
        self.board.print(self._named(text), error=True)

    def _named(self, text: str) -> str:
        return "\n".join(f"{self.row.name:<{self.board.width}}  {line}".rstrip() for line in text.splitlines() or [""])


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
    """Return how many hosts failed, which, and with what."""
    failed: dict[str, list[str]] = {}
    for host, error in zip(hosts, failures, strict=True):
        if error is not None:
            failed.setdefault(error.what.partition("\n")[0], []).append(host.name)
    count = sum(map(len, failed.values()))
    return "\n".join(
        [f"{count} of {len(hosts)} hosts failed:", *(f"  {', '.join(names)}: {why}" for why, names in failed.items())]
    )
