"""What the card did while a bench ran on it: nvidia-smi on the box, looked at twice a second."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import statistics
import threading
from operator import itemgetter
from typing import TYPE_CHECKING, Self

from provision.model.errors import GpurigError
from provision.transport.session import Session
from provision.work.watching import samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provision.agent.wire.samples import Gauge
    from provision.work.measured import Half

EVERY = 0.5
"""Seconds between two looks: as often as the box tells."""
BEFORE = 1.0
"""Seconds that what nvidia-smi calls its use may look back."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """What nvidia-smi told; None for what it does not tell of this card."""

    busy: float | None
    """Per cent of the time in which it computed anything."""
    memory_gib: float | None
    """The most that was used."""
    watts: float | None
    looks: int
    """How often it was looked at."""

    @property
    def told(self) -> tuple[str, str, str]:
        """How busy it was, its memory and its power, each "n/a" where nvidia-smi does not tell."""
        forms = ((self.busy, "{:.0f} %"), (self.memory_gib, "{:.1f} GiB"), (self.watts, "{:.0f} W"))
        busy, memory, power = (form.format(value) if value is not None else "n/a" for value, form in forms)
        return busy, memory, power

    @classmethod
    def of(cls, half: Half, seen: Iterable[tuple[float, Sequence[Gauge]]]) -> Self | None:
        """Return what the card that `half` computed on did meanwhile; None where nobody looked at it.

        A half that does not say which (`cuda:1`) computed on the only one there is.
        """
        begun, ended = half.between or (0.0, float("inf"))
        rows = [row for at, gauges in seen if begun + BEFORE <= at <= ended for row in gauges]
        cards = {row["index"] for row in rows}
        named = re.match(r"cuda:(\d+)", half.device)
        if named or len(cards) > 1:
            rows = [row for row in rows if named and row["index"] == named[1]]
        if not rows:
            return None
        busy, used, watts = (
            [value for row in rows if (value := of(row)) is not None]
            for of in (itemgetter("use"), itemgetter("used"), itemgetter("watts"))
        )
        return cls(
            busy=statistics.fmean(busy) if busy else None,
            memory_gib=max(used) / 1024 if used else None,
            watts=statistics.fmean(watts) if watts else None,
            looks=len(rows),
        )


class Watch(threading.Thread):
    """Looks at a host's cards until it is told to end, over a connection of its own; what it sees is in `seen`."""

    def __init__(self, session: Session) -> None:
        super().__init__(daemon=True)
        self.host, self.config = session.host, session.config
        self.seen: list[tuple[float, Sequence[Gauge]]] = []
        self.over = threading.Event()

    def run(self) -> None:
        """Look. A bench that cannot be looked at is a bench still."""
        with contextlib.suppress(GpurigError, OSError), Session(self.host, self.config, tell=lambda _: None) as session:
            for sample in samples(session, seconds=EVERY):
                self.seen.append((sample["at"], sample["gpus"]))
                if self.over.is_set():
                    return

    def __enter__(self) -> Self:
        """Begin to look."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self.over.set()
        self.join(5 * EVERY)
