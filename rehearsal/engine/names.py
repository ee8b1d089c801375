"""URNs: the names by which a deployment knows its resources."""

from __future__ import annotations

import dataclasses

from rehearsal.engine.resource import STACK_TYPE


@dataclasses.dataclass(frozen=True)
class Names:
    """A project and a stack, which every URN of a deployment begins with."""

    project: str
    stack: str

    def urn(self, kind: str, name: str, parent: str = "") -> str:
        """Give the URN of a resource; children of the stack itself carry no parent type."""
        above = qualified_type(parent) if parent else STACK_TYPE
        qualified = kind if above == STACK_TYPE else f"{above}${kind}"
        return f"urn:pulumi:{self.stack}::{self.project}::{qualified}::{name}"

    @property
    def root(self) -> str:
        """The URN of the stack's own resource."""
        return self.urn(STACK_TYPE, f"{self.project}-{self.stack}")


def qualified_type(urn: str) -> str:
    """Give the types of a resource and of its parents, as the URN has them."""
    return urn.split("::")[2]
