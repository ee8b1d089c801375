"""The hosts at work: one table on a terminal, failures first; elsewhere lines with the host's name."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from typing import TYPE_CHECKING, Self

from provision.screen import progress, terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.live import Live
    from rich.text import Text

    from provision.model.host import Host

MOST_WAITING = 1000
"""Texts that wait for the next drawing: more of them, and who says them waits for the terminal."""
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
    """What the views of all hosts write to, one at a time. Use as a context manager: after it, nothing is printed.

    On a terminal, lines wait for the next drawing of the table: to draw it anew for each would be hosts times lines.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.rows = [Row(host.name) for host in hosts]
        self.width = max(len(row.name) for row in self.rows)
        self._lock = threading.Lock()
        self._open = True
        self._live: Live | None = None
        self._waiting: list[tuple[str, bool]] = []
        self._painter = threading.Thread(target=self._paint, daemon=True)
        self._over = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        try:
            if self._painter.is_alive():
                self._painter.join()
            with self._lock:
                self._open = False
                self._flush()
        finally:  # the terminal has its cursor back, whatever came in between
            if self._live is not None:
                self._live.stop()

    def show(self) -> None:
        """Show the table, where standard output is a terminal."""
        if not terminal.moves():
            return
        self._painter.start()  # before there is anything to undo, should Ctrl-C come here
        with self._lock:
            self._live = progress.live(self._table, by_itself=False)

    def print(self, text: str, *, error: bool = False) -> None:
        """Print lines that nothing comes between."""
        with self._lock:
            if self._open:
                self._waiting.append((text, error))
                if self._live is None or len(self._waiting) >= MOST_WAITING:
                    self._flush()

    def _flush(self) -> None:
        """Print what waits, what goes to one stream together."""
        waiting, self._waiting = self._waiting, []
        for error, texts in itertools.groupby(waiting, key=lambda row: row[1]):
            progress.above(self._live, "\n".join(text for text, _ in texts), error=error)

    def _paint(self) -> None:
        """Draw the table so many times a second, whatever the hosts say."""
        while not self._over.wait(1 / progress.FRAMES_PER_SECOND):
            with self._lock:
                self._flush()
                shown = self._live
            if shown is not None:
                shown.refresh()

    def _table(self) -> Text:
        """Return a row per host, at most so many that lines above them stay to be seen."""
        from rich.text import Text  # noqa: PLC0415

        size = self._live.console.size if self._live else None
        height, width = (size.height, size.width) if size else (len(self.rows), 80)
        return Text("\n").join(self.drawn(width, max(2, height * 3 // 4)))

    def drawn(self, width: int, room: int) -> list[Text]:
        """Return so many lines at the most: a row per host, and how many there are of those that have none."""
        from rich.text import Text  # noqa: PLC0415

        shown = self._chosen(room)
        lines = [self._line(row) for row in shown]
        if left := len(self.rows) - len(shown):
            lines.append(Text(f"  and {left} more; of all {len(self.rows)}: {self._counts()}"))
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return lines

    def _line(self, row: Row) -> Text:
        """Return what is shown of one host."""
        from rich.text import Text  # noqa: PLC0415

        now = time.monotonic()
        frame, style = FRAMES[int(now * progress.FRAMES_PER_SECOND) % len(FRAMES)], ""
        if row.ended is not None:
            frame, style = ("✗", "red") if row.failed else ("✓", "green")
        seconds = f"{(row.ended or now) - row.began:.0f} s"
        return Text.assemble((frame, style), f" {row.name:<{self.width}}  {seconds:>6}  {row.now}")

    def _counts(self) -> str:
        failed, ended = sum(row.failed for row in self.rows), sum(row.ended is not None for row in self.rows)
        return f"{failed} failed, {len(self.rows) - ended} at work, {ended - failed} done"

    def _chosen(self, room: int) -> list[Row]:
        """Return the rows for so many lines: those that failed, then the others in the hosts' order.

        Where there is no room for all, those at work come before those that are done, and keep half of it.
        """
        failed = [row for row in self.rows if row.failed]
        others = [row for row in self.rows if not row.failed]
        if len(self.rows) <= room:
            return [*failed, *others]
        at_work = [row for row in others if row.ended is None]
        done = [row for row in others if row.ended is not None]
        room -= 1
        most = max(room - len(at_work), room // 2)
        return [*failed[:most], *at_work, *failed[most:], *done][:room]


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
