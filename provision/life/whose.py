"""Of which stack a thing of an account is, by the id in its tags and in the states: names are not one's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.tags import MADE_BY, STACK_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from provision.aws.holdings import Thing
    from provision.life.states import State


class Whose:
    """Tells things of the stacks whose states are here from those of others; `gone`: names and ids of lost stacks."""

    def __init__(self, things: Iterable[Thing], states: Mapping[str, State], gone: Collection[str]) -> None:
        self._states, self._gone = states, gone
        self._ids: dict[str, set[str]] = {}
        """By name: the stacks of that name, as their things say."""
        for thing in things:
            self._ids.setdefault(thing.stack, set()).update({thing.tags.get(STACK_ID, "")} - {""})

    def unsure(self, thing: Thing) -> str:
        """Return why nobody can tell that a thing is an orphan; "" where its stack is known."""
        return self._unreadable(thing) or self._foreign(thing)

    def own(self, thing: Thing) -> bool:
        """Tell whether a thing is of the very stack whose state is here."""
        state = self._states.get(thing.stack)
        return bool(state and state.id and thing.tags.get(STACK_ID) == state.id)

    def gone(self, thing: Thing) -> bool:
        """Tell whether the user has said that a thing's stack is gone; a name says so of no stack where two have it."""
        known = thing.tags.get(STACK_ID, "")
        return known in self._gone or (thing.stack in self._gone and len(self._ids[thing.stack]) <= 1)

    def _unreadable(self, thing: Thing) -> str:
        stack, state = thing.stack, self._states.get(thing.stack)
        if state is not None and state.updating:
            return f'an update of "{stack}" is going on'
        if self.gone(thing):
            return ""
        if stack in self._gone:
            return f'{len(self._ids[stack])} stacks are called "{stack}": --gone {thing.tags.get(STACK_ID, "ID")}'
        if state is None:
            return f'no state of a stack "{stack}" is here'
        return f'the state of "{stack}" cannot be read: {state.problem}' if state.problem else ""

    def _foreign(self, thing: Thing) -> str:
        """Return why a thing may be of another stack of its name; "" where it is not."""
        known, state = thing.tags.get(STACK_ID, ""), self._states.get(thing.stack)
        if self.gone(thing) or state is None or self.own(thing):
            return ""
        if not known:
            return "it has no tag of any stack's id: an earlier version made it, or somebody by hand"
        whose = f"{known} of {thing.tags.get(MADE_BY, 'nobody knows whom')}"
        if not state.id:
            return f'it is of a stack {whose}, and "{thing.stack}" has nothing in its state now'
        return f"it is of another stack of this name, {whose}"
