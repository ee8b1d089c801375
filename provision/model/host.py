"""A host: one machine to provision, wherever it came from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from provision.model import checks
from provision.model.access import ACCESS, JUMP, PUBLIC
from provision.model.birth import as_born
from provision.model.errors import BadInput
from provision.model.limit import Limit
from provision.model.schema import ANY, mismatches
from provision.model.tags import GENERATION
from provision.model.target import SCHEMA, Target

if TYPE_CHECKING:
    from collections.abc import Mapping


OUTPUT, VERSION = "gpurig", 1
"""The stack's output that describes its hosts, and the version of that description: `infra.outputs` writes it."""
BOX = "gpurig:infra:Box"
"""Pulumi's type of one box, whose input `document` is a host's row as far as it is known before AWS makes anything."""

KEYS = checks.listed(checks.text(r"[ -~]{1,1000}", ""), "a list of ed25519 public keys, or of their files")
_MONEY = checks.none_or(checks.NUMBER)
ROW: Mapping[str, Any] = {
    "name": checks.MACHINE,
    "user": checks.USER,
    "port": checks.PORT,
    "recipe": checks.NAME,
    "target": SCHEMA,
    "instanceId": checks.none_or(checks.INSTANCE),
    "instanceType": checks.WORD,
    "region": checks.REGION,
    "address": checks.none_or(checks.ADDRESS),
    "innerAddress": checks.none_or(checks.ADDRESS),
    "profile": checks.none_or(checks.text(r"[ -~]{1,4096}", "the name of a profile, or what aws: settings say")),
    "access": ACCESS,
    "jump": checks.none_or(JUMP),
    "keys": checks.none_or(KEYS),
    "pricePerHour": _MONEY,
    "ports": checks.table(checks.WORD, checks.PORT, "a table of name = port"),
    "limit": {"hours": checks.none_or(checks.WHOLE), "usd": _MONEY, "usdPerHour": _MONEY, "*": ANY},
    "*": ANY,  # for others than gpurig, or of a later version
}
"""What each key of a host's row may be. The state that it stands in may be anybody's who can write there."""
_NEEDED = ("name", "user", "port", "recipe", "target", "instanceId", "instanceType", "region", "address", "ports")


def row_problems(row: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a host's row."""
    missing = [f'"{key}" is missing' for key in _NEEDED if key not in row]
    return missing + mismatches({key: value for key, value in row.items() if (key, value) != ("limit", None)}, ROW)


def row_of(document: Mapping[str, Any], made: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return a host's row of the description: what the program said of it, with what AWS has made of that.

    `made` has address, innerAddress, instanceId, instanceType, zone and volumeId; `tags` are the instance's own, and go
    before what the settings say: they may have changed since it was made.
    """
    generation = int(tags.get(GENERATION, document["generation"]))
    target = {**document["target"], "volume_id": made["volumeId"]}
    return as_born({**document, **made, "generation": generation, "target": target}, tags)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Host:
    """One machine to provision."""

    name: str
    address: str
    """As it is recorded, the one within its network where it has no other; "" where it is of an EC2 instance that was
    stopped."""
    inner: str = ""
    """Where the other hosts reach it: on EC2 its private address, which a stop does not take; "": nobody said."""
    user: str = "ubuntu"
    port: int = 22
    access: str = PUBLIC
    """How it is reached (`model.access`)."""
    jump: str = ""
    """The machine that SSH goes through (`model.access.Jump`); "": none."""
    keys: tuple[str, ...] = ()
    """The public keys that are to log in; the first of a stack's box is the one that it was made with."""
    target: Target | None = None
    """What to render for; None: to be read from the machine itself."""
    recipe: str = "digits"
    """The recipe that the host is for: what `fab setup` installs."""
    instance_id: str = ""
    """EC2 instance, whose console vouches for the host key; "" for a machine that the user's known_hosts knows."""
    region: str = ""
    profile: str = ""
    """How its AWS account is reached (`model/aws_settings.py`): mostly a profile; "": as the environment says."""
    instance_type: str = ""
    price_per_hour: float | None = None
    """USD, on demand."""
    ports: Mapping[str, int] = dataclasses.field(default_factory=dict)
    limit: Limit = dataclasses.field(default_factory=Limit)
    """How long it may run, as `gpurig:maxHours` and `gpurig:maxSpend` say."""
    stack: str = ""
    """Project and stack that it belongs to, "gpurig.dev"; "" for a machine of one's own."""

    @classmethod
    def from_document(cls, row: Mapping[str, Any], *, stack: str = "") -> Host:
        """Read a host's row (`row_of`). Raises `BadInput`."""
        if problems := row_problems(row):
            raise BadInput(problems)
        return cls(
            stack=stack,
            name=row["name"],
            address=row["address"] or "",
            inner=row.get("innerAddress") or "",
            user=row["user"],
            port=row["port"],
            access=row.get("access", PUBLIC),
            jump=row.get("jump") or "",
            keys=tuple(row.get("keys") or ()),
            target=Target.from_document(row["target"]),
            recipe=row["recipe"],
            instance_id=row["instanceId"],
            region=row["region"],
            profile=row.get("profile") or "",
            instance_type=row["instanceType"],
            price_per_hour=row.get("pricePerHour"),
            ports=row["ports"],
            limit=Limit.from_document(row.get("limit")),
        )

    def __str__(self) -> str:
        """Return the host as messages name it."""
        where = self.address or self.instance_id
        return where if self.name == where else f"{self.name} ({where})"
