"""What an example refers to, made when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.rehearsal.provider.examples import EXAMPLES, Ref

if TYPE_CHECKING:
    from tests.rehearsal.provider.examples import Example
    from tests.rehearsal.provider.plugin import Plugin, Resource, Values


class World:
    """Makes what an example refers to, once."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.made: dict[str, Resource] = {}

    def make(self, name: str) -> Resource:
        """Return the example of this name, made with all that it needs."""
        if name not in self.made:
            example = EXAMPLES[name]
            self.made[name] = self.plugin.create(example.token, self.inputs_of(example), name=name)
        return self.made[name]

    def inputs_of(self, example: Example) -> Values:
        """Return an example's inputs, with all made that it needs."""
        self.resolve(list(example.needs))
        inputs: Values = self.resolve(example.inputs)
        return inputs

    def inputs(self, name: str, **others: Any) -> Values:
        """Return an example's inputs, with some of them changed."""
        inputs: Values = self.resolve({**EXAMPLES[name].inputs, **others})
        return inputs

    def resolve(self, value: Any) -> Any:
        if isinstance(value, Ref):
            return self.make(value.name).id
        if isinstance(value, dict):
            return {key: self.resolve(part) for key, part in value.items()}
        return [self.resolve(part) for part in value] if isinstance(value, list) else value
