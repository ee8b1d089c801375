"""What goes wrong with AWS, or with `pulumi`, while a stack is made or torn down: no boxes, all of the account."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.faults.cells import Cell, cells
from tests.faults.driver import play
from tests.faults.world import World, open_world

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world(boxes=False) as made:
        yield made


@pytest.mark.parametrize("cell", cells("up", "destroy"), ids=str)
def test_it_ends_well_or_says_what_to_do(
    world: World, cell: Cell, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", (cell.fault, cell.moment))
    record_property("ended", play(world, cell))
