"""The box's guard from the laptop: what holds a box awake, when it would stop, and other moments for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.wire.answers import Guarded

if TYPE_CHECKING:
    from provision.agent.wire.documents import Guard
    from provision.transport.session import Session


def look(session: Session) -> Guard:
    """Return what the guard of a box saw last, at most a minute ago, and when it would stop the box."""
    return _ask(session)


def keep_awake(session: Session, until: float) -> Guard:
    """Have a box not stop for idleness before `until` (seconds of UTC; 0: no longer held), across boots too.

    Its lifetime ends it all the same. Raises `BadInput` for a box without a guard, and for a moment that is over there.
    """
    return _ask(session, awake_until=until)


def set_lifetime(session: Session, until: float) -> Guard:
    """Have a box power off at `until` (seconds of UTC) whatever it does, in place of its lifetime; until its next boot.

    Raises `BadInput` as `keep_awake` does.
    """
    return _ask(session, lifetime_until=until)


def _ask(session: Session, *, awake_until: float | None = None, lifetime_until: float | None = None) -> Guard:
    return session.answer({"verb": Verb.GUARD, "awake_until": awake_until, "lifetime_until": lifetime_until}, Guarded)
