"""A single tag as a resource of its own, beside the tags that its carrier has by its declaration.

`ignoreTags` does not reach it: whoever declares it wants it (terraform-provider-aws, docs on `ignore_tags`, and
internal/service/ec2/tag_gen.go for the rest).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.provider.model import Fate, Field, Kind, where
from rehearsal.provider.tags import pairs

if TYPE_CHECKING:
    from rehearsal.provider.aws import Aws
    from rehearsal.provider.model import Item
    from rehearsal.provider.wire import Values


def _set(aws: Aws, values: Values) -> str:
    aws.ec2("CreateTags", Resources=[values["resourceId"]], Tags=pairs({values["key"]: values["value"]}))
    return f"{values['resourceId']},{values['key']}"


def _change(aws: Aws, item: Item) -> None:
    resource_id, key = item.id.split(",", 1)
    aws.ec2("CreateTags", Resources=[resource_id], Tags=pairs({key: item.values["value"]}))


def _read(aws: Aws, item: Item) -> Values | None:
    resource_id, key = item.id.split(",", 1)
    found = aws.listed("ec2", "DescribeTags", "Tags", **where(resource_id=resource_id, key=key))
    return {"resourceId": resource_id, "key": key, "value": found[0]["Value"]} if found else None


def _delete(aws: Aws, item: Item) -> None:
    resource_id, key = item.id.split(",", 1)
    aws.ec2("DeleteTags", Resources=[resource_id], Tags=[{"Key": key}])


KINDS = {
    "aws:ec2/tag:Tag": Kind(
        noun="EC2 Tag",
        fields={
            "resourceId": Field(required=True, on_change=Fate.REPLACE),
            "key": Field(required=True, on_change=Fate.REPLACE),
            "value": Field(required=True, on_change=_change),
        },
        create=_set,
        read=_read,
        delete=_delete,
    ),
}
