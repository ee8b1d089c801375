"""`fab lab`: JupyterLab of the host in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.tasks import opening
from provision.tasks.verb import verb
from provision.work.webpage import LAB

if TYPE_CHECKING:
    from provision.tasks.context import Context


@verb(options=opening.OPTIONS)
def lab(c: Context, *, no_browser: bool = False, local: str = "") -> None:
    """Open JupyterLab of the host in the browser, through a tunnel, until Ctrl-C."""
    opening.open_page(c, LAB, local=local, no_browser=no_browser)
