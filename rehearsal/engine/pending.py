"""Creations that were interrupted: did they take place? Only a person, or the provider, can tell."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from rehearsal.engine.errors import EngineError

if TYPE_CHECKING:
    from rehearsal.engine.session import Session


def clear_pending_creates(session: Session) -> None:
    """Forget them all: nothing was made."""
    state = session.load_state(writable=True)
    state.forget_interrupted(creations=True)
    state.end()


def import_pending_creates(session: Session, pairs: list[str]) -> None:
    """Adopt the objects that were made, given as URN, id, URN, id…; the refresh that follows reads the rest."""
    if len(pairs) % 2:
        raise EngineError("each URN must be followed by an ID: found an odd number of entries")
    state = session.load_state(writable=True)
    waiting = {each.resource.urn: each for each in state.pending if each.kind == "creating"}
    for urn, ident in zip(pairs[::2], pairs[1::2], strict=True):
        if urn not in waiting:
            known = "".join(f"\n  {each}" for each in waiting) or " none"
            raise EngineError(f'"{urn}" does not correspond to a pending create; there are:{known}')
        if any(each.urn == urn and not each.delete for each in state.resources):
            raise EngineError(f'"{urn}" was created again since; delete the object {ident} by hand, then clear')
        adopted = dataclasses.replace(waiting[urn].resource, id=ident, outputs=waiting[urn].resource.inputs)
        state.end(waiting[urn], [functools.partial(state.resources.append, adopted)])
