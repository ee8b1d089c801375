"""What most EC2 resources have in common: made with tags, found by id, waited for, deleted by calls of one pattern."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Kind, answer, request
from rehearsal.provider.tags import OUTPUTS, as_read, at_creation, retag_ec2, tag_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Act, Field, Item
    from rehearsal.provider.wire import Values

_SETTLE_S = 600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ec2:
    """One kind of EC2 resource: `Vpc` is in CreateVpc, DescribeVpcs, DeleteVpc and VpcId."""

    api_name: str
    noun: str
    """As an error names it: "EC2 VPC"."""
    tag_type: str
    """As tag specifications name it: "vpc"."""
    names: tuple[str, ...] = ()
    """The properties that a creation takes and a description tells."""
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """More of them, which the API calls by another name than their own."""
    read_also: tuple[str, ...] = ()
    """The properties that only a description tells."""
    id_name: str = ""
    """What the API calls the id, where that is not `VpcId`."""

    def __post_init__(self) -> None:
        """Complete the id's name."""
        object.__setattr__(self, "id_name", self.id_name or f"{self.api_name}Id")

    def kind(self, fields: Mapping[str, Field], *, retag: Act = retag_ec2, **others: Any) -> Kind:
        """Return the resource type with these fields and its tags; `others` are what it does its own way."""
        common = {"noun": self.noun, "create": self.create, "read": self.read, "delete": self.delete}
        return Kind(**{"outputs": OUTPUTS, **common, **others}, fields={**fields, **tag_fields(retag)})

    def create(self, aws: Aws, inputs: Values) -> str:
        """Make the resource; return its id."""
        params = request(inputs, *self.names, **self.renamed)
        made = aws.ec2(f"Create{self.api_name}", **params, **at_creation(inputs, self.tag_type))
        return str(made.get(self.api_name, made)[self.id_name])

    def find(self, aws: Aws, resource_id: str, **params: Any) -> dict[str, Any]:
        """Return the resource's record; raises Gone where there is none."""
        key = f"{self.api_name}s"
        return aws.described(f"Describe{key}", key, **{f"{self.id_name}s": [resource_id]}, **params)

    def settle(self, aws: Aws, item: Item) -> None:
        """Wait until the resource is available, a state which VPC endpoints spell with a capital."""
        aws.until(
            f"{self.noun} {item.id} to become available",
            lambda: self.find(aws, item.id)["State"].lower() == "available",
            seconds=_SETTLE_S,
        )

    def read(self, aws: Aws, item: Item) -> Values:
        """Return what the cloud says of the resource."""
        return self.properties(self.find(aws, item.id), aws, item)

    def properties(self, record: dict[str, Any], aws: Aws, item: Item) -> Values:
        """Return a record as properties."""
        return {
            **answer(record, *self.names, *self.read_also, **self.renamed),
            **as_read(record.get("Tags"), aws, item),
        }

    def delete(self, aws: Aws, item: Item) -> None:
        """Delete the resource."""
        aws.ec2(f"Delete{self.api_name}", **{self.id_name: item.id})
