"""`fab timeline`: what was done on every host and when, as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.history.journal import Journal
from provision.history.timeline import Page
from provision.model.errors import GpurigError
from provision.tasks.option import whole_number
from provision.tasks.output import save, tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from pathlib import Path

    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

MOST_LINES = 1000
LOGS = 50
"""Runs of a host whose logs go along: the newest. Of all others the page has the rest."""
OPTIONS = {
    "output": "the file to write",
    "lines": "of each log, the last so many",
    "open": "show it in the browser",
}


@verb(looks=True, options=OPTIONS, short_options=False)
def timeline(
    c: Context,
    *,
    output: str = "timeline.html",
    lines: str = "40",
    open: bool = False,  # noqa: A002 - the name of the option
) -> None:
    """Write a page with the setups, runs and boots of every host over time, and the ends of their logs."""
    log_lines = whole_number("lines", lines, MOST_LINES)
    journals: list[Journal] = []
    silent: list[tuple[Host, GpurigError]] = []

    def ask(session: Session, out: View) -> None:
        out.now("reading its journal")
        try:
            journals.append(Journal.of(session, lines=log_lines, logs=LOGS))
        except GpurigError as error:
            silent.append((session.host, error))
            raise

    c.each_session(ask)
    if journals:
        journals.sort(key=lambda journal: c.hosts.index(journal.host))
        silent.sort(key=lambda pair: c.hosts.index(pair[0]))
        page = Page(journals, silent)
        _report(save("--output", output, page.html().encode()), page, shown=open)


def _report(path: Path, page: Page, *, shown: bool) -> None:
    """Say what was written, and show it if that is wanted."""
    missing = f", {len(page.silent)} of {len(page.silent) + len(page.hosts)} hosts are not on it" if page.silent else ""
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB{missing}")
    import webbrowser  # noqa: PLC0415 - 200 ms that only --open pays

    address = path.resolve().as_uri()
    if shown and not webbrowser.open(address):
        tell(f"no browser starts here; open it in one: {address}")
