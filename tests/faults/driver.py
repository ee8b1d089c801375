"""One cell: the moment comes, the fault strikes, the command is typed again, and everything is looked at."""

from __future__ import annotations

from tests.faults.cells import FAULTS, Cell
from tests.faults.moments import MOMENTS
from tests.faults.world import World


def play(world: World, cell: Cell) -> str:
    """Play a cell; returns how it ended, in a word for the matrix."""
    fault, moment = FAULTS[cell.fault], MOMENTS[cell.moment]
    world.name = f"cell-{next(world.numbers)}"
    moment.before(world)
    struck = fault.strike(world, moment)
    moment.honest(world)
    if fault.passes is not None:
        assert (struck.code == 0) == fault.passes, struck
    did = [] if struck.code == 0 else moment.again(world, moment.words(world))
    moment.honest(world)
    moment.done(world)
    assert world.orphans() == []
    world.unharmed()
    return ("through" if struck.code == 0 else "again") if not did else "as told"
