"""Whether all is there that a first `pulumi up` needs, asked before anything is billed.

A check is a function that returns one finding; each runs in a thread of its own and within a time limit, and they are
told in a fixed order. What does not answer in time is a finding, too.
"""

from __future__ import annotations

import dataclasses
import enum
import threading
import time
from typing import TYPE_CHECKING

from provision.model.errors import GpurigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIMIT_S = 20.0
"""How long all checks together may take: AWS's clients try again for as long as that."""


class State(enum.StrEnum):
    """What a check found."""

    OK = "ok"
    WARNING = "warning"
    """It works, or may; something is to be known."""
    ERROR = "error"
    """`pulumi up` would fail, or nobody could log in."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found."""

    state: State
    text: str
    mend: str = ""
    """What to do, "" where there is nothing."""


def ok(text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(state=State.OK, text=text)


def warning(text: str, mend: str) -> Finding:
    """Return one that is to be known."""
    return Finding(state=State.WARNING, text=text, mend=mend)


def error(text: str, mend: str) -> Finding:
    """Return one that has to be mended."""
    return Finding(state=State.ERROR, text=text, mend=mend)


def examine(checks: Mapping[str, Callable[[], Finding]], limit: float = LIMIT_S) -> dict[str, Finding]:
    """Run all checks at once and return what they found, in their order.

    A `GpurigError` is an error with its hint as the mend. What has not come to an end after `limit` seconds is a
    warning; it is left behind, and ends with the program.
    """
    found: dict[str, Finding] = {}
    broken: list[BaseException] = []

    def run(name: str, check: Callable[[], Finding]) -> None:
        try:
            found[name] = check()
        except GpurigError as wrong:
            found[name] = error(wrong.what, wrong.hint)
        except BaseException as wrong:  # noqa: BLE001 - raised again where the program can end of it
            broken.append(wrong)

    threads = {name: threading.Thread(target=run, args=(name, check), daemon=True) for name, check in checks.items()}
    deadline = time.monotonic() + limit
    for thread in threads.values():
        thread.start()
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    if broken:
        raise broken[0]
    late = warning(f"no answer within {limit:.0f} s", "is the network there? a proxy? then the same command again")
    return {name: found.get(name, late) for name in checks}
