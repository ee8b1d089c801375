"""The provider's reading of a resource in the test's own process, of a cloud that can be made to tell other things."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rehearsal.provider.aws import Aws
from rehearsal.provider.catalogue import KINDS
from rehearsal.provider.compare import Change, changes
from rehearsal.provider.lifecycle import Snapshot, read
from rehearsal.provider.model import Item

if TYPE_CHECKING:
    from tests.rehearsal.provider.plugin import Resource, Values


@dataclasses.dataclass(frozen=True)
class Telling(Aws):
    """Calls whose answers are changed: by operation, the path into the answer and what stands there; None: nothing."""

    told: Values = dataclasses.field(default_factory=dict)

    def ec2(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call EC2."""
        answer = self.call("ec2", operation, **params)
        for path, value in self.told.get(operation, {}).items():
            *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
            place: Any = answer
            for step in way:
                place = place[step]
            if value is None:
                place.pop(last, None)
            else:
                place[last] = value
        return answer


def look(aws: Aws, resource: Resource) -> Snapshot | None:
    """Return a resource as the provider reads it; None where it is gone."""
    item = Item(resource.id, {**resource.outputs, **resource.inputs})
    return read(KINDS[resource.token], aws, item, resource.inputs)


def up(found: Snapshot, resource: Resource) -> list[Change]:
    """Return what the next `up` of the same program changes."""
    return changes(KINDS[resource.token], found.inputs, resource.inputs)
