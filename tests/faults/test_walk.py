"""A random walk: verbs and faults in any order, where the next command meets what the last fault has left."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest

from tests.faults.account_moments import DESTROY
from tests.faults.cells import Cell, cells
from tests.faults.driver import play, strike
from tests.faults.moments import MOMENTS
from tests.faults.world import World, open_world
from tests.kit.box import LACK

STEPS = int(os.environ.get("GPURIG_WALK_STEPS", "200"))
RARE = {"up": 0.2, "destroy": 0.2}
"""How likely a moment is beside the others: to make all of it and tear it down takes longest."""


def _walk(world: World, seed: int, told: list[str]) -> None:
    choice = random.Random(seed)  # noqa: S311 - a test's own dice
    for number in range(STEPS):
        (moment,) = choice.choices([*MOMENTS], [RARE.get(name, 1.0) for name in MOMENTS])
        cell: Cell = choice.choice(cells(moment))
        mended = choice.random() < 0.5
        told.append(f"{number}: {cell}{'' if mended else ', and on'}")
        print(told[-1], flush=True)  # with `-s`, how far it has come
        if mended:
            play(world, cell)
        else:
            strike(world, cell)
    world.again(*DESTROY)
    assert world.orphans() == []


@pytest.mark.nightly
@pytest.mark.skipif(bool(LACK), reason=str(LACK))
def test_whatever_follows_on_whatever_nothing_is_lost_and_nothing_is_left(
    record_property: Callable[[str, object], None],
) -> None:
    seed = int(os.environ.get("GPURIG_WALK_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
    record_property("seed", seed)
    told: list[str] = []
    with open_world(boxes=True) as world:
        try:
            _walk(world, seed, told)
        except BaseException as error:
            steps = "\n".join(told)
            raise AssertionError(f"seed {seed} (GPURIG_WALK_SEED), {len(told)} steps:\n{steps}\n{error}") from error
