"""Hosts at work, live on a terminal: a table per host, or a row per host where all of them do not fit."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table
    from rich.text import Text

BAR = 20
"""Characters of a gauge's bar."""
AROUND = 4
"""Lines of a table of rows beside these: its head, the line below it, and an empty one at both ends."""
HOT, WARM = 90.0, 60.0
"""Per cent from which a gauge is red, or yellow."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gauge:
    """A row of a host's table: what it is, how far of all in per cent (None: nothing to draw), and in words."""

    name: str
    percent: float | None
    words: str
    short: str = ""
    """For the one row of a host where there is no room for its table; "": not there."""


@dataclasses.dataclass
class HostPanel:
    """One host's part of the screen; whoever watches the host writes into it."""

    title: str
    gauges: Sequence[Gauge] = ()
    notice: str = "connecting"
    """What is the matter, or ""; it stands in place of what is not known."""
    failed: bool = False


class Dashboard:
    """The screen of all hosts."""

    def __init__(self, panels: Sequence[HostPanel]) -> None:
        self.panels = panels
        self.lock = threading.Lock()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw what fits the terminal, the last line of which stays the cursor's."""
        yield self.shown(options.max_width, console.size.height - 1)

    def shown(self, width: int, height: int) -> RenderableType:
        """Return what fits a screen of that size."""
        from rich.console import Group  # noqa: PLC0415 - only a screen pays for it

        with self.lock:
            lines = sum(len(panel.gauges) + 2 + -(-len(panel.notice) // width) for panel in self.panels)
            if lines <= height:
                return Group(*(_table(panel, width) for panel in self.panels))
            return _rows(self.panels, height)


def _table(panel: HostPanel, width: int) -> RenderableType:
    """Return a host's own table; words that are too long for the screen end in an ellipsis."""
    from rich.console import Group  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    title = Text(panel.title, style="bold", no_wrap=True, overflow="ellipsis")
    table = Table(box=None, show_header=False, width=width)
    table.add_column(width=8, no_wrap=True)
    table.add_column(width=BAR + 6, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for gauge in panel.gauges:
        table.add_row(gauge.name, _bar(gauge.percent), Text(gauge.words))
    notice = Text(panel.notice, style="red" if panel.failed else "yellow")
    return Group(title, *([notice] if panel.notice else []), *([table] if panel.gauges else []), Text(""))


def _bar(percent: float | None) -> Text:
    """Return a bar and its figure."""
    from rich.text import Text  # noqa: PLC0415

    if percent is None:
        return Text("")
    full = round(min(max(percent, 0.0), 100.0) / 100 * BAR)
    style = "red" if percent >= HOT else "yellow" if percent >= WARM else "green"
    return Text.assemble(("█" * full, style), ("░" * (BAR - full), "dim"), f" {percent:3.0f} %")


def _rows(panels: Sequence[HostPanel], height: int) -> Table:
    """Return a row per host, those that failed and those with a notice first; the last one counts who has none."""
    from rich.box import SIMPLE  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE)
    names = [panel.title.partition(" ")[0] for panel in panels]
    # The words give way, not the name.
    table.add_column("host", no_wrap=True, min_width=max(map(len, names)))
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    room = max(2, height - AROUND)
    first = sorted(panels, key=lambda panel: (not panel.failed, not panel.notice))
    shown = first if len(first) <= room else first[: room - 1]
    for panel in shown:
        words = "  ".join(gauge.short for gauge in panel.gauges if gauge.short)
        style = "red" if panel.failed else "yellow" if panel.notice else ""
        table.add_row(panel.title.partition(" ")[0], Text(panel.notice or words, style=style))
    if left := len(panels) - len(shown):
        failed = sum(panel.failed for panel in panels)
        table.add_row("", f"and {left} more; of all {len(panels)}: {failed} failed")
    return table
