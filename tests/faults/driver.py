"""One cell: the moment comes, the fault strikes, the command is typed again, and everything is looked at."""

from __future__ import annotations

import re

from tests.faults.cells import FAULTS, Cell
from tests.faults.moments import MOMENTS
from tests.faults.world import Done, World

MAKING = ("RunInstances", "DeleteVolume")
"""Calls of AWS in moments that make things there, or unmake them: what others leave, the end of all cells tells."""


def strike(world: World, cell: Cell) -> Done:
    """Have the moment come and the fault strike; returns how the command ended, which was honest about it."""
    fault, moment = FAULTS[cell.fault], MOMENTS[cell.moment]
    world.name = f"cell-{next(world.numbers)}"
    moment.before(world)
    struck = fault.strike(world, moment)
    if cell.moment in ("up", "destroy"):
        world.whole = False
    moment.honest(world)
    if struck.code and struck.words[0] == "fab":
        # Once AWS's time was let pass this machine's clock is behind, and who is refused for his session is told so.
        says = f"{fault.says}|clock of this machine" if world.moved else fault.says
        assert re.search(says, struck.said), f"it does not say {says}: {struck}"
    return struck


def play(world: World, cell: Cell) -> str:
    """Play a cell; returns how it ended, in a word for the matrix."""
    fault, moment = FAULTS[cell.fault], MOMENTS[cell.moment]
    struck = strike(world, cell)
    if fault.passes is not None:
        assert (struck.code == 0) == fault.passes, struck
    did = [] if struck.code == 0 else moment.again(world, moment.words(world))
    moment.honest(world)
    moment.done(world)
    if moment.call in MAKING:
        assert world.orphans() == []
    world.unharmed()
    return ("through" if struck.code == 0 else "again") if not did else "as told"
