"""Tags: `tags` are a resource's own, `tagsAll` what it carries together with the provider's `defaultTags`.

Those that `ignoreTags` names are in neither, whoever put them there, and no call touches them (terraform-provider-aws,
`KeyValueTags.IgnoreConfig` in internal/tags; pulumi-aws, `mergeTags` in provider/tags.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.provider.model import Fate, Field, where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rehearsal.provider.aws import Aws
    from rehearsal.provider.config import Settings
    from rehearsal.provider.model import Act, Item
    from rehearsal.provider.wire import Values

OUTPUTS = ("tagsAll",)


def tag_fields(retag: Act) -> dict[str, Field]:
    """Return the fields of a type whose tags `retag` brings to what `tagsAll` says."""
    # A tag that moves between the program and the provider's defaults leaves the resource as it is: only tagsAll calls.
    return {
        "tags": Field(type=dict, on_change=Fate.RECORD),
        "tagsAll": Field(type=dict, on_change=retag),
    }


def all_tags(own: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return what a resource carries: its own tags win over the defaults."""
    return settings.not_ignored({**settings.default_tags, **own})


def at_creation(values: Values, resource_type: str) -> dict[str, Any]:
    """Return the parameter by which an EC2 call tags what it makes."""
    return specifications({resource_type: values.get("tagsAll") or {}})


def specifications(tags: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return the same for a call that makes things of several types; a type without tags is left out."""
    wanted = [{"ResourceType": kind, "Tags": pairs(some)} for kind, some in tags.items() if some]
    return {"TagSpecifications": wanted} if wanted else {}


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the API writes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def mapping(listed: Iterable[Mapping[str, str]] | None, aws: Aws) -> dict[str, str]:
    """Return tags out of an API's answer; AWS's own and those to be ignored are left out."""
    own = {tag["Key"]: tag["Value"] for tag in listed or () if not tag["Key"].startswith("aws:")}
    return aws.settings.not_ignored(own)


def own_tags(carried: Mapping[str, str], aws: Aws, known: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what the resource has beyond the defaults, and those of its own that repeat one."""
    defaults, known = aws.settings.default_tags, known or {}
    return {key: value for key, value in carried.items() if defaults.get(key) != value or key in known}


def as_read(listed: Iterable[Mapping[str, str]] | None, aws: Aws, item: Item) -> Values:
    """Return `tags` and `tagsAll` for a resource with these tags."""
    carried = mapping(listed, aws)
    return {"tags": own_tags(carried, aws, item.values.get("tags")) or None, "tagsAll": carried}


def retag(service: str, thing: str, named: Callable[[Item], dict[str, str]], prefix: str = "") -> Act:
    """Return what brings a resource's tags to `tagsAll` by TagRole and UntagRole, for the `thing` Role.

    `named` gives the parameter that says which resource, `prefix` is that of the parameters for tags.
    """

    def act(aws: Aws, item: Item) -> None:
        wanted, present = item.values.get("tagsAll") or {}, item.before.get("tagsAll") or {}
        if superfluous := sorted(present.keys() - wanted.keys()):
            aws.call(service, f"Untag{thing}", **named(item), **{f"{prefix}TagKeys": superfluous})
        if wanted:
            aws.call(service, f"Tag{thing}", **named(item), **{f"{prefix}Tags": pairs(wanted)})

    return act


def retag_ec2(aws: Aws, item: Item) -> None:
    """Bring an EC2 resource's tags to `tagsAll`."""
    set_ec2_tags(aws, item.id, item.values.get("tagsAll") or {})


def set_ec2_tags(aws: Aws, resource_id: str, wanted: Mapping[str, str]) -> None:
    """Give an EC2 resource these tags and no others but those to be ignored."""
    found = aws.listed("ec2", "DescribeTags", "Tags", **where(resource_id=resource_id))
    superfluous = mapping(found, aws).keys() - wanted.keys()
    if superfluous:
        aws.ec2("DeleteTags", Resources=[resource_id], Tags=[{"Key": key} for key in sorted(superfluous)])
    if wanted:
        aws.ec2("CreateTags", Resources=[resource_id], Tags=pairs(wanted))
