"""`fab watch`: how busy every host is, live."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

from provision.model.errors import BadInput, GpurigError
from provision.screen import progress, terminal
from provision.tasks.context import make_room
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.work import watching

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.screen.dashboard import HostPanel
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {
    "seconds": "seconds between two looks, 0.5 or more",
    "once": "look once and return",
}
LEAST, MOST = 0.5, 60.0


@verb(
    looks=True,
    options=OPTIONS,
    json="print a line of JSON per host and look",
    stopped="stopped watching",
    short_options=False,
)
def watch(c: Context, *, seconds: str = "2", once: bool = False) -> None:
    """Show GPU, memory, CPU, disk, network and runs of every host, live; not on a terminal, a line for each look."""
    interval = _interval(seconds)
    if terminal.moves() and not (c.json or once):
        _live(c, interval)
        return

    def lines(session: Session, out: View) -> None:
        for sample in watching.samples(session, seconds=interval, times=int(once)):
            if c.json:
                out.block(json.dumps({"host": session.host.name, **sample}))
            else:
                clock = time.strftime("%H:%M:%S", time.localtime(sample["at"]))
                several = len(c.hosts) > 1  # a view of several says the host's name itself
                out.line(f"{clock}  {'' if several else f'{session.host.name}  '}{watching.line(sample)}")

    c.each_session(lines)


def _interval(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0.0
    if not LEAST <= seconds <= MOST:
        raise BadInput([f"--seconds {word}: write a number from {LEAST} to {MOST:.0f}"])
    return seconds


def _live(c: Context, seconds: float) -> None:
    """Watch all hosts on the terminal until Ctrl-C, or until each of them has failed."""
    from provision.screen.dashboard import Dashboard, HostPanel  # noqa: PLC0415 - only a terminal needs it
    from provision.tasks.gauges import gauges  # noqa: PLC0415

    make_room(len(c.hosts))
    panels = [HostPanel(title=_title(host)) for host in c.hosts]
    board = Dashboard(panels)
    errors: dict[str, GpurigError] = {}

    def follow(host: Host, panel: HostPanel) -> None:
        def notice(text: str) -> None:
            with board.lock:
                panel.notice = text.partition("\n")[0].replace("; the run goes on there", "")

        try:
            with c.session(host, notice) as session:
                for sample in watching.samples(session, seconds=seconds):
                    with board.lock:
                        panel.title, panel.notice, panel.gauges = _title(session.host), "", gauges(sample)
        except GpurigError as error:
            errors[host.name] = error
            notice(str(error).replace("\n       ", "; "))
            panel.failed, panel.gauges = True, ()

    threads = [threading.Thread(target=follow, args=pair, daemon=True) for pair in zip(c.hosts, panels, strict=True)]
    live = progress.live(lambda: board)
    try:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.1)
    finally:
        live.stop()
        for error in errors.values():
            tell(f"error: {error}")
            c.exit_codes.append(error.exit_code)


def _title(host: Host) -> str:
    return f"{host}{f', {host.instance_type}' if host.instance_type else ''}"
