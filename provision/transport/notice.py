"""A spot box watches for its end from the first thing on that somebody starts on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.agent.verbs import Verb

if TYPE_CHECKING:
    from provision.transport.session import Session


def watch(session: Session) -> None:
    """Have a spot box watch for EC2's notice that it takes the box; nothing where the host is none."""
    target = session.host.target
    if target and target.spot:
        from provision.agent.wire import answers  # noqa: PLC0415 - few boxes are spot

        session.answer({"verb": Verb.WATCH, "leave_early": target.leaves_early}, answers.Done)
