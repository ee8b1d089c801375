"""How a resource type is described: its properties, what a change of each does, and the calls behind it."""

from __future__ import annotations

import dataclasses
import enum
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.wire import Values


@dataclasses.dataclass(frozen=True)
class Item:
    """One resource as a call meets it."""

    id: str
    values: Values
    """The inputs wanted (create, update) or all that the last state says (read, delete)."""
    before: Values = dataclasses.field(default_factory=dict)
    """In an update: the inputs as they hold in the cloud now."""


class Fate(enum.Enum):
    """What a change of a property does where no call is needed."""

    REPLACE = "replace"
    """A new resource takes the old one's place (Terraform: ForceNew)."""
    RECORD = "record"
    """Only the state keeps it: it steers a later call."""


Act = Callable[["Aws", Item], object]
OnChange = Fate | Act


def _accept(_: Any) -> None:
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One input property."""

    on_change: OnChange
    type: type = str
    """str, int, float, bool, list, or dict."""
    required: bool = False
    computed: bool = False
    """The cloud decides where the program is silent (Optional and Computed): no drift, unknown in previews."""
    default: Any = None
    """What stands in the inputs where the program is silent; of a property of the resource itself only."""
    why_not: Callable[[Any], str | None] = _accept
    """Says what is wrong with a known value."""
    same: Callable[[Any, Any], bool] = operator.eq
    """Whether two spellings mean one thing (policy documents, sets)."""
    fields: Mapping[str, Field] = dataclasses.field(default_factory=dict)
    """Of an object, or of every object in a list."""
    outputs: tuple[str, ...] = ()
    """Properties of an object that only the cloud gives."""


def _nothing(_aws: Aws, _item: Item) -> None:
    return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """One resource type."""

    noun: str
    """As an error names it: "EC2 VPC"."""
    fields: Mapping[str, Field]
    create: Callable[[Aws, Values], str]
    """The one call that makes the resource; returns its id. Whatever can fail afterwards belongs in `settle`."""
    settle: Act = _nothing
    """Brings what `create` made to what was asked, and waits until it is usable."""
    read: Callable[[Aws, Item], Values | None]
    """What the cloud says; None (or `Gone`) where the resource is gone; a property that cannot be read is left out."""
    delete: Act
    forgets: Callable[[Values], bool] = lambda _: False
    """Whether a delete only drops the resource from the state."""
    outputs: tuple[str, ...] = ()
    """Properties that only the cloud gives."""
    unsettled_by: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Outputs that an update of a property may change."""
    exactly_one: tuple[str, ...] = ()
    """Properties of which exactly one is required."""
    auto_name: str | None = None
    """The property that gets the resource's name and a random tail where the program names none."""
    name_limit: int = 255


def api_names(*names: str, **renamed: str) -> dict[str, str]:
    """Return what the API calls each property: `cidrBlock` is `CidrBlock`, unless it is `renamed`."""
    return {**{name: name[0].upper() + name[1:] for name in names}, **renamed}


def request(values: Mapping[str, Any], *names: str, **renamed: str) -> dict[str, Any]:
    """Return the named properties, where there are any, as parameters of a call."""
    found = api_names(*names, **renamed).items()
    return {api_name: values[name] for name, api_name in found if values.get(name) is not None}


def answer(record: Mapping[str, Any], *names: str, **renamed: str) -> Values:
    """Return the named properties out of an answer's record; one that it lacks comes back as None."""
    return {name: record.get(api_name) for name, api_name in api_names(*names, **renamed).items()}


def where(**values: str) -> dict[str, Any]:
    """Return filters by name, `vpc_id` for `vpc-id`, as the parameter of a Describe call."""
    return {"Filters": [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in values.items()]}
