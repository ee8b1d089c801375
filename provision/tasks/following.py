"""To watch a run until it ends, or until the user leaves it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from invoke.exceptions import Exit

from provision.model.errors import RunFailed
from provision.model.words import took
from provision.work.runs import ways_back

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from provision.screen.progress import View
    from provision.work.runs import Runs

NOT_FOUND = 127
"""What a shell ends with when there is no such program."""


@contextlib.contextmanager
def leaving(names: Mapping[str, str], into: Path | None = None, *, more: str = "", limit: str = "") -> Iterator[None]:
    """End the program on Ctrl-C with the commands that find the runs again, which go on.

    `names`: host → run, as far as they have started. `into`: where their results are to come. `more`: what else to say.
    `limit`: as it was given.
    """
    try:
        yield
    except KeyboardInterrupt:
        if not names:
            raise
        running = ", ".join(f"{name} goes on on {host}" for host, name in names.items())
        back = [ways_back(name, into, limit) for name in dict.fromkeys(names.values())]
        raise Exit("\n".join(filter(None, [f"stopped watching; {running}", more, *back])), 130) from None


def follow(runs: Runs, name: str, out: View, *, lines: int = 0) -> None:
    """Show a run's log until it ends. Raises `RunFailed` where its exit code is not 0."""
    run = runs.follow(name, out.line, lines=lines)
    why = f" ({run.why})" if run.why else ""
    ended = f"{name} {run.state} after {took(run.seconds)}: exit code {run.code}{why}"
    if run.code:
        way = "a program was not found: `fab sync` sends this folder, and `--with RECIPE` gives a recipe's own programs"
        raise RunFailed(ended, run.code, hint=way if run.code == NOT_FOUND else "")
    out.tell(ended)
