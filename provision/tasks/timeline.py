"""`fab timeline`: what was done on every host and when, as one page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.history.journal import Journal
from provision.history.timeline import Page
from provision.model.errors import BadInput, GpurigError
from provision.tasks.base import LIMIT_HELP, each, ending, hosts_for, save, task, tell
from provision.transport.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from provision.screen.progress import View
    from provision.transport.inventory import Host

LOGS = 50
"""Runs of a host whose logs go along: the newest. Of all others the page has the rest."""
HELP = {
    "output": "the file to write",
    "lines": "of each log, the last so many",
    "open": "show it in the browser",
    **LIMIT_HELP,
}


@task(help=HELP, post=[ending], auto_shortflags=False)
def timeline(
    c: Any,
    output: str = "timeline.html",
    *,
    lines: str = "40",
    open: bool = False,  # noqa: A002 - the name of the option
    limit: str = "",
) -> None:
    """Write a page with the setups, runs and boots of every host over time, and the ends of their logs."""
    if not lines.isdecimal() or not 0 < int(lines) <= 1000:
        raise BadInput([f"--lines {lines}: write a number from 1 to 1000"])
    hosts = hosts_for(c, limit)
    journals: list[Journal] = []
    silent: list[tuple[Host, GpurigError]] = []

    def ask(host: Host, out: View) -> None:
        out.now("reading its journal")
        try:
            with Session(host, c.config, tell=out.tell) as session:
                journals.append(Journal.of(session, lines=int(lines), logs=LOGS))
        except GpurigError as error:
            silent.append((host, error))
            raise

    each(c, ask, hosts=hosts)
    if journals:
        journals.sort(key=lambda journal: hosts.index(journal.host))
        silent.sort(key=lambda pair: hosts.index(pair[0]))
        page = Page(journals, silent)
        _told(save("--output", output, page.html().encode()), page, shown=open)


def _told(path: Path, page: Page, *, shown: bool) -> None:
    """Say what was written, and show it if that is wanted."""
    missing = f", {len(page.silent)} of {len(page.silent) + len(page.hosts)} hosts are not on it" if page.silent else ""
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB{missing}")
    import webbrowser  # noqa: PLC0415 - 200 ms that only --open pays

    address = path.resolve().as_uri()
    if shown and not webbrowser.open(address):
        tell(f"no browser starts here; open it in one: {address}")
