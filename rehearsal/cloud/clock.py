"""The cloud's time: it runs as this machine's does, may be moved ahead, and what is due at a moment happens then.

There is one in a process, as there is one moto: `start` begins a new one for each cloud.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import itertools
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

import moto.core.utils

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LOOK_SECONDS = 0.5
"""How often the clock looks for what has become due by itself."""
LONGEST_SECONDS = 366 * 24 * 3600.0
"""How far one step goes: more is a mistake in units."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Due:
    """Something that happens at a moment, once: whoever names it names it no more after `act` was called."""

    moment: float
    """Seconds of UTC, by this clock."""
    act: Callable[[], object]


class Clock:
    """A clock, and a thread that does what is due; `around` is a context that everything due runs in."""

    def __init__(self, around: Callable[[], contextlib.AbstractContextManager[object]]) -> None:
        self._around = around
        self._ahead = 0.0
        self._once: dict[int, Due] = {}
        self._numbers = itertools.count()
        self._sources: list[Callable[[], Iterable[Due]]] = [lambda: list(self._once.values())]
        self._turn = threading.RLock()
        """Held while something due happens, so that two things never do at once."""
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="clock", daemon=True).start()

    def now(self) -> float:
        """Return the cloud's time, seconds of UTC."""
        return time.time() + self._ahead

    def at(self, moment: float, act: Callable[[], object]) -> Callable[[], object]:
        """Have `act` called at a moment; return what calls that off, which does nothing once it has happened."""
        number = next(self._numbers)

        def once() -> None:
            if self._once.pop(number, None):
                act()

        self._once[number] = Due(moment=moment, act=once)
        return lambda: self._once.pop(number, None)

    def ask(self, source: Callable[[], Iterable[Due]]) -> None:
        """Have a source asked, each time, for what it knows to be due, now or later."""
        self._sources.append(source)

    def advance(self, seconds: float) -> float:
        """Move ahead and return the new time once all that became due has happened, each thing at its own moment."""
        if not 0 <= seconds <= LONGEST_SECONDS:
            raise RehearsalError(f"the clock goes ahead by 0 to {LONGEST_SECONDS:.0f} seconds, not by {seconds}")
        with self._turn:
            goal = self.now() + seconds
            while due := self._next(goal):
                self._ahead += max(0.0, due.moment - self.now())
                self._do(due)
            self._ahead += max(0.0, goal - self.now())
            return self.now()

    def end(self) -> None:
        """Have nothing happen by itself any more."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            with self._turn, _told():
                while (due := self._next(self.now())) and not self._ended.is_set():
                    self._do(due)

    def _next(self, until: float) -> Due | None:
        with self._around():
            known = [due for source in self._sources for due in source() if due.moment <= until]
        return min(known, key=lambda due: due.moment, default=None)

    def _do(self, due: Due) -> None:
        with self._around(), _told():
            due.act()


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Have what breaks stand in the cloud's log, and stop nothing else."""
    try:
        yield
    except Exception:  # noqa: BLE001 - as the docstring says
        traceback.print_exc(file=sys.stderr)


_current: list[Clock] = []


def start(around: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext) -> Clock:
    """Begin a clock at this machine's time, in the place of the one before, and have moto go by it."""
    _follow()
    for former in _current:
        former.end()
    _current[:] = [Clock(around)]
    return _current[0]


def current() -> Clock:
    """Return the clock of the cloud that is served; RehearsalError where none was started."""
    if not _current:
        raise RehearsalError("no cloud has been started in this process, so there is no clock of one")
    return _current[0]


def now() -> float:
    """Return the cloud's time, seconds of UTC; this machine's where no cloud was started."""
    return _current[0].now() if _current else time.time()


def utcnow() -> dt.datetime:
    """Return the cloud's time as moto has it: UTC, without a zone."""
    return dt.datetime.fromtimestamp(now(), dt.UTC).replace(tzinfo=None)


@functools.cache
def _follow() -> None:
    """Have moto ask this clock, also where a module has taken moto's own function by name; once in a process."""
    original = moto.core.utils.utcnow
    for module in list(sys.modules.values()):
        if module.__name__.partition(".")[0] == "moto" and vars(module).get("utcnow") is original:
            module.utcnow = utcnow  # type: ignore[attr-defined]
