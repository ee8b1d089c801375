"""What goes wrong with a box, or on the way to it, while it is set up, used, stopped, started."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.faults.cells import Cell, cells
from tests.faults.driver import play
from tests.faults.world import World, open_world
from tests.kit.box import LACK

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(LACK), reason=str(LACK))]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world(boxes=True) as made:
        yield made


@pytest.mark.parametrize("cell", cells("setup", "run", "fetch", "find", "stop", "start", "resume"), ids=str)
def test_it_ends_well_or_says_what_to_do(
    world: World, cell: Cell, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", (cell.fault, cell.moment))
    record_property("ended", play(world, cell))
