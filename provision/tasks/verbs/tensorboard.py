"""`fab tensorboard`: TensorBoard of the host in the browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provision.tasks import opening
from provision.tasks.verb import verb
from provision.work.webpage import BOARD

if TYPE_CHECKING:
    from provision.tasks.context import Context


@verb(options={"name": "only this run; else all of them", **opening.OPTIONS}, argument="name")
def tensorboard(c: Context, *, name: str = "", no_browser: bool = False, local: str = "") -> None:
    """Open TensorBoard of the host, over the results of its runs, in the browser, through a tunnel, until Ctrl-C."""
    # Of its two pages of curves, the one that takes a pattern of runs by its address.
    query = {"runFilter": f"^{re.escape(name)}/"} if name else {}
    opening.open_page(c, "tensorboard", BOARD, local=local, no_browser=no_browser, query=query)
