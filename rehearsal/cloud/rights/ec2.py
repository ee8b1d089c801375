"""The rights that a call of EC2 needs: on what it makes and on what it uses, and on what it tags."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from moto.ec2 import ec2_backends

from rehearsal.cloud.permissions import Wish
from rehearsal.cloud.rights import iam

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rehearsal.cloud.rights.asked import Asked

_PREFIXES = {
    "ami": "image",
    "i": "instance",
    "igw": "internet-gateway",
    "eni": "network-interface",
    "key": "key-pair",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
_NOBODYS = ("image", "snapshot")
"""Types whose ARN names no account."""
_ID = re.compile(rf"({'|'.join(_PREFIXES)})-[0-9a-f]{{8,17}}")
_SPECIFIED = re.compile(r"TagSpecification\.\d+\.ResourceType")


def wishes(asked: Asked) -> Iterator[Wish]:
    """Return what a call has to be allowed: on everything, where it names nothing that the right is on."""
    tagging = asked.action in ("CreateTags", "DeleteTags")
    found = list(_tagging(asked) if tagging else _on_things(asked, _table().get(asked.action, {})))
    yield from found or [Wish(action=f"ec2:{asked.action}", resource="*")]
    yield from iam.passed(asked, asked.said.get("IamInstanceProfile.Name"), "ec2.amazonaws.com")


def _on_things(asked: Asked, row: Mapping[str, str]) -> Iterator[Wish]:
    """Return what a call needs on each thing that it names or makes."""
    action = asked.action
    for kind, identifier in _named(asked):
        if row.get(kind) == "used":
            yield used(asked, action, kind, identifier)
    given = _given(asked)
    for kind in (kind for kind, part in row.items() if part == "made"):
        yield from made(asked, action, kind, given.get(kind, {}))


def used(asked: Asked, action: str, kind: str, identifier: str) -> Wish:
    """Return the right to do something to a thing that is there."""
    return _wish(asked, action, kind, identifier, _carried(asked, identifier))


def made(asked: Asked, action: str, kind: str, tags: Mapping[str, str]) -> Iterator[Wish]:
    """Return the rights to make a thing, and to give it tags with that."""
    yield _wish(asked, action, kind, "*", tags)
    if tags:
        yield _wish(asked, "CreateTags", kind, "*", {**tags, "ec2:CreateAction": action})


@functools.cache
def _table() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return found


def _tagging(asked: Asked) -> Iterator[Wish]:
    """Return what CreateTags or DeleteTags needs, of things that are there."""
    wanted = asked.tags("Tag")
    for key, identifier in asked.said.items():
        if key.startswith("ResourceId."):
            kind = _PREFIXES.get(identifier.partition("-")[0], "unknown")
            yield _wish(asked, asked.action, kind, identifier, {**wanted, **_carried(asked, identifier)})


def _given(asked: Asked) -> dict[str, dict[str, str]]:
    """Return the tags that a call gives what it makes, by type."""
    places = {key.rpartition(".")[0]: kind for key, kind in asked.said.items() if _SPECIFIED.fullmatch(key)}
    return {kind: asked.tags(f"{place}.Tag") for place, kind in places.items()}


def _named(asked: Asked) -> Iterator[tuple[str, str]]:
    """Return types and ids of what a call names, but for what stands in tags and filters."""
    for key, value in asked.said.items():
        if key.startswith(("Tag", "Filter")):
            continue
        if key == "KeyName":
            yield "key-pair", value
        elif key == "AssociationId":
            yield from _associated(asked, value)
        elif found := _ID.fullmatch(value):
            yield _PREFIXES[found[1]], value


def _associated(asked: Asked, association: str) -> Iterator[tuple[str, str]]:
    """Return what an association of a route table is between."""
    for table in list(ec2_backends[asked.account][asked.region].route_tables.values()):
        for tie in table.associations:
            if tie["RouteTableAssociationId"] == association:
                yield "route-table", table.id
                yield from (("subnet", tie[key]) for key in ("SubnetId",) if key in tie)


def _carried(asked: Asked, identifier: str) -> dict[str, str]:
    """Return the tags of a thing as the keys of conditions; a key pair is known by its name."""
    backend = ec2_backends[asked.account][asked.region]
    pair = backend.key_pairs.get(identifier)
    tags = backend.tags.get(pair.id if pair else identifier, {})
    return {f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", "ec2")}


def _wish(asked: Asked, action: str, kind: str, identifier: str, context: Mapping[str, str]) -> Wish:
    account = "" if kind in _NOBODYS else asked.account
    return Wish(
        action=f"ec2:{action}",
        resource=f"arn:aws:ec2:{asked.region}:{account}:{kind}/{identifier}",
        context={**context, "aws:RequestedRegion": asked.region},
    )
