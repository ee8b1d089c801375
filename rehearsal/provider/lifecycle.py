"""What happens to a resource: made, read, changed, deleted; the same for every type."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rehearsal.provider.aws import Gone, ProviderError
from rehearsal.provider.compare import DEFAULTS, changes, drift, outputs
from rehearsal.provider.model import Fate, Item

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Kind
    from rehearsal.provider.wire import Values

_APPEAR_S = 60.0
"""How long what was just made may stay unknown to the other half of AWS."""
_NOT_YET = (
    *("NotFound", "InvalidInstanceID.NotFound", "InvalidVolume.NotFound", "InvalidVpcID.NotFound"),
    *("InvalidSubnetID.NotFound", "InvalidGroup.NotFound", "InvalidRouteTableID.NotFound"),
)
"""What EC2 says of what it has just made, as long as its reads are behind its writes."""
_DELETE_S = 300.0
_BUSY = ("DependencyViolation", "DeleteConflict", "VolumeInUse", "ResourceInUse")
"""Refusals of a delete that pass once what still hangs on the resource is gone too."""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A resource as the state keeps it."""

    id: str
    inputs: Values
    outputs: Values


class PartialFailure(ProviderError):
    """The resource exists, but not as asked for; the state must keep what there is."""

    def __init__(self, reason: str, reached: Snapshot) -> None:
        super().__init__(reason)
        self.reached = reached


def create(kind: Kind, aws: Aws, inputs: Values) -> Snapshot:
    """Make a resource; raises PartialFailure where it is there and unfinished, ProviderError where it is not."""
    try:
        resource_id = kind.create(aws, inputs)
    except ProviderError as error:
        raise ProviderError(f"creating {kind.noun}: {error}") from error
    item = Item(resource_id, inputs)
    try:
        aws.insist(_NOT_YET, lambda: kind.settle(aws, item), seconds=_APPEAR_S)
        live = aws.until(f"{kind.noun} {resource_id} to appear", lambda: _live(kind, aws, item), seconds=_APPEAR_S)
    except ProviderError as error:
        reason = f"creating {kind.noun} ({resource_id}): {error}"
        raise PartialFailure(reason, _reached(kind, aws, item, inputs)) from error
    return _snapshot(kind, item, inputs, live)


def read(kind: Kind, aws: Aws, item: Item, inputs: Values) -> Snapshot | None:
    """Return a resource as it is now, None where it is gone; without `inputs` it is adopted with all that it has."""
    try:
        live = _live(kind, aws, item)
    except ProviderError as error:
        raise ProviderError(f"reading {kind.noun} ({item.id}): {error}") from error
    return _snapshot(kind, item, inputs, live, adopt=not inputs) if live is not None else None


def update(kind: Kind, aws: Aws, item: Item, ignored: Iterable[str] = ()) -> Snapshot:
    """Bring a resource to `item.values`, starting from what the cloud says rather than from what was last recorded.

    An update that broke off half way is therefore finished by the next one.
    """
    found = read(kind, aws, item, item.before)
    if found is None:
        raise ProviderError(
            f"updating {kind.noun} ({item.id}): it no longer exists; run `pulumi refresh`, then try again"
        )
    item = dataclasses.replace(item, before=found.inputs)
    acts = [kind.fields[change.property].on_change for change in changes(kind, item.before, item.values, ignored)]
    try:
        for act in dict.fromkeys(acts):
            if not isinstance(act, Fate):
                act(aws, item)
        live = _live(kind, aws, item)
    except ProviderError as error:
        reason = f"updating {kind.noun} ({item.id}): {error}"
        raise PartialFailure(reason, _reached(kind, aws, item, item.before)) from error
    return _snapshot(kind, item, item.values, live or {})


def delete(kind: Kind, aws: Aws, item: Item) -> None:
    """Delete a resource and wait until it is gone; one that is gone already is fine."""
    if kind.forgets(item.values):
        return
    try:
        aws.insist(_BUSY, lambda: kind.delete(aws, item), seconds=_DELETE_S)
        what = f"{kind.noun} {item.id} to be gone"
        aws.until(what, lambda: _live(kind, aws, item) is None, seconds=_DELETE_S)
    except ProviderError as error:
        # What was not found may also be a part of the resource, and the resource still there.
        if isinstance(error, Gone) and _live(kind, aws, item) is None:
            return
        raise ProviderError(f"deleting {kind.noun} ({item.id}): {error}") from error


def _live(kind: Kind, aws: Aws, item: Item) -> Values | None:
    try:
        return kind.read(aws, item)
    except Gone:
        return None


def _reached(kind: Kind, aws: Aws, item: Item, inputs: Values) -> Snapshot:
    try:
        live = _live(kind, aws, item) or {}
    except ProviderError:
        live = {}  # the id alone is worth keeping
    return _snapshot(kind, item, inputs, live)


def _snapshot(kind: Kind, item: Item, inputs: Values, live: Values, *, adopt: bool = False) -> Snapshot:
    found = drift(kind.fields, inputs, live, adopt=adopt)
    found.setdefault(DEFAULTS, [])
    return Snapshot(item.id, found, outputs(found, live))
