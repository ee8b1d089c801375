"""`fab tensorboard`: TensorBoard of the host in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.tasks import opening
from provision.tasks.verb import verb
from provision.work.webpage import BOARD

if TYPE_CHECKING:
    from provision.tasks.context import Context


@verb(options={"name": "only this run; else all of them", **opening.OPTIONS}, argument="name")
def tensorboard(c: Context, *, name: str = "", no_browser: bool = False, local: str = "") -> None:
    """Open TensorBoard of the host, over the results of its runs, in the browser, through a tunnel, until Ctrl-C."""
    opening.open_page(c, BOARD, local=local, no_browser=no_browser, run=name)
