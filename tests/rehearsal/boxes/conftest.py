"""Machine rooms for tests: each is one cloud's boxes on a state folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.boxes import Boxes
from tests.rehearsal.boxes.machine import launch, need_boxes, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rehearsal.boxes.machine import Machine


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    """Yield a machine room that a module's tests share."""
    need_boxes()
    room = Boxes(tmp_path_factory.mktemp("state"), announce=print)
    yield room
    room.close()


@pytest.fixture(scope="module")
def machine(room: Boxes) -> Machine:
    """Boot an instance that a module's tests share."""
    return launch(room)


@pytest.fixture
def blank_volume(room: Boxes) -> str:
    """Make a volume of 1 GiB that was never written, and return its id."""
    volume_id = f"vol-{next(numbers):017x}"
    room.create_volume(volume_id, 1, None)
    return volume_id
