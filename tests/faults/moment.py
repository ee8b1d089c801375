"""The moments at which something goes wrong: a command, what comes before it, and what must hold after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.faults.world import World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moment:
    """A command in the middle of which a fault strikes."""

    words: Callable[[World], tuple[str, ...]]
    before: Callable[[World], None]
    """Makes the world that the command is typed in."""
    call: str = ""
    """The call of AWS that matters most to it; "": it needs none."""
    calls: int = 0
    """So many of its calls go through before a session runs out in its middle."""
    middle: Callable[[World], bool] = lambda _: True
    """Whether the command, which was begun, is in its middle on the box."""
    release: Callable[[World], None] = lambda _: None
    """Lets what waits in the middle go on."""
    honest: Callable[[World], None] = lambda _: None
    """Asserts that nothing half done counts as done, however the command has ended."""
    again: Callable[[World, tuple[str, ...]], list[str]] = lambda world, words: world.again(*words)
    """Types the command again, and does what it says; returns what that was."""
    done: Callable[[World], None]
    """Asserts that all is there that the command is for."""
