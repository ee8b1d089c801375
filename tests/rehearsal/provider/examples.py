"""One example of every resource type: how it is made, and what each of its properties may change to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rehearsal.provider import examples_machine, examples_network

if TYPE_CHECKING:
    from tests.rehearsal.provider.example import Example

EXAMPLES: dict[str, Example] = {**examples_network.EXAMPLES, **examples_machine.EXAMPLES}
