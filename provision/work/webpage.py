"""The web pages of recipes that ask for a token: which there are, and what their token on a host is."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from typing import TYPE_CHECKING

from provision.model.errors import BadInput, GpurigError, NotHere
from provision.model.schema import plain
from provision.work.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.transport.session import Session

_TOKEN = re.compile(r"[\w-]{43}\Z", re.ASCII)
_NO_TOKEN = 3


@dataclasses.dataclass(frozen=True)
class WebPage:
    """The page of a service that listens on a host for the host alone."""

    name: str
    verb: str
    """Of `fab`, that opens it."""
    recipe: str
    port: int
    path: str

    @property
    def unit(self) -> str:
        """The systemd service."""
        return f"gpurig-{self.recipe}.service"

    def url(self, port: int, query: Mapping[str, str]) -> str:
        """Return its address on this machine, at a port of this machine's."""
        words = urllib.parse.urlencode(query)
        return f"http://127.0.0.1:{port}{self.path}{'?' if words else ''}{words}"


LAB = WebPage("JupyterLab", "lab", "jupyter", 8888, "/lab")
BOARD = WebPage("TensorBoard", "tensorboard", "tensorboard", 6006, "/")


def token(session: Session, page: WebPage) -> str:
    """Return what a page on a host asks for: of the service's present start, read over SSH as the account.

    Raises `BadInput` where the recipe is not set up there, `GpurigError` where its service does not run.
    """
    state = f"systemctl show -P LoadState {page.unit}; exit {_NO_TOKEN}"
    ask = f"cat /run/gpurig-{page.recipe}/token 2>/dev/null || {{ {state}; }}"
    done = session.connection.run(ask, hide=True, warn=True, in_stream=False)
    # What a shell's start-up file says comes before it.
    found = _TOKEN.search(done.stdout)
    if done.ok and found:
        return str(found[0])
    if done.exited == _NO_TOKEN and done.stdout.split()[-1:] == ["not-found"]:
        raise BadInput([f"{session.host} has no {page.name}"], hint=f"fab setup-{page.recipe} sets it up")
    raise GpurigError(
        f"{page.unit} does not run on {session.host}",
        hint=f"why not: fab ssh --command 'journalctl -n 20 -u {page.unit}'; fab setup-{page.recipe} starts it again",
    )


def only(session: Session, run: str) -> dict[str, str]:
    """Return what has TensorBoard show one run. Raises `NotHere` where there is no such run."""
    names = [row.name for row in Runs(session).all()]
    if run not in names:
        known = ", ".join(names) or "none yet; fab run -- CMD starts one"
        raise NotHere([f'there is no run "{plain(run)}" on {session.host}'], hint=f"there are: {known}")
    return {"runFilter": f"^{re.escape(run)}/"}
