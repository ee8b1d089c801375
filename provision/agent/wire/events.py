"""All events as one type."""

from typing import Type, Union, get_args

from provision.agent.wire.answers import Answer
from provision.agent.wire.setups import Told
from provision.agent.words import Kind

Event = Union[Told, Answer]


def kind_of(answer: Type[object]) -> Kind:
    """Return the kind of the events of a type of these."""
    kind: Kind = get_args(answer.__annotations__["event"])[0]
    return kind
