"""The journal of setups, read on from a place."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from provision.agent.journal import JOURNAL
from provision.agent.words import ENDINGS, Kind

if TYPE_CHECKING:
    from typing import Iterator, List, Tuple, Union

    from provision.agent.wire.setups import Failed, Notice, Ready, Reboot, Recorded


def events_after(offset: int) -> Iterator[Tuple[Recorded, int]]:
    """Yield the events after `offset`, of every setup, each with the offset that follows it."""
    for event, end in _lines_after(offset):
        if event["event"] != Kind.NOTICE:
            yield event, end


def notices() -> List[Notice]:
    """Return what EC2 has told this box of its end."""
    return [event for event, _ in _lines_after(0) if event["event"] == Kind.NOTICE]


def _lines_after(offset: int) -> Iterator[Tuple[Union[Recorded, Notice], int]]:
    with contextlib.suppress(FileNotFoundError), JOURNAL.open("rb") as file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                offset += len(line)
                yield json.loads(line), offset


def last_ending() -> Union[Ready, Failed, Reboot, None]:
    """Return how the last setup ended, None where none has."""
    last = None
    for event, _ in events_after(0):
        if event["event"] in ENDINGS:
            last = event
    return last  # type: ignore[return-value] # ENDINGS are those three


def end_of_journal() -> int:
    """Return the offset after its last event."""
    return JOURNAL.stat().st_size if JOURNAL.exists() else 0
