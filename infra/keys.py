"""The configuration keys of the namespace `gpurig`: what each may be, what it is when not set, how it is read."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from infra.ranges import AUTO, network, ranges
from provision.model.platforms import BAKED, NO_GPU, images
from provision.model.target import MIRROR_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "gpurig"
ON_DESTROY = ("snapshot", "retain", "delete")
NEWEST = "newest"
NO_SNAPSHOT = "none"
NEW = "new"
_SYSTEM_FOLDERS = re.compile(r"/(bin|boot|dev|etc|home|lib|opt|proc|root|run|sbin|srv|sys|tmp|usr|var)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """One configuration key. A value that is empty text counts as not set."""

    read: Callable[[str], Any]
    """Make the value of the text that Pulumi gives; raises `ValueError` for one that is not allowed."""
    allowed: str
    """What is allowed, to complete "it has to be …"."""
    default: Any
    example: str = ""
    """A value for the way out, as typed after `pulumi config set`; the default where it is empty."""


def _matching(pattern: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(text)
        return text

    return read


def _one_of(*allowed: str) -> Callable[[str], str]:
    return _matching("|".join(re.escape(value) for value in allowed))


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return read


def _positive(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def _switch(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _names(text: str) -> tuple[str, ...]:
    """Read a JSON list of names, or names with commas between them."""
    values = json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",")]
    if not all(isinstance(value, str) and re.fullmatch(r"[^\s\[\]{}\"]+", value) for value in values):
        raise ValueError(text)
    return tuple(values)


def _each(pattern: str) -> Callable[[str], tuple[str, ...]]:
    one = _matching(pattern)
    return lambda text: tuple(dict.fromkeys(one(name) for name in _names(text)))


def _table(text: str) -> dict[str, str]:
    table = json.loads(text)
    if not isinstance(table, dict) or not all(isinstance(value, str) and value for value in table.values()):
        raise ValueError(text)
    return table


def _mirrors(text: str) -> dict[str, dict[str, str]]:
    tables = {kind: _table(json.dumps(table)) for kind, table in json.loads(text).items()}
    places = [place for table in tables.values() for place in table.values()]
    if not tables.keys() <= {*MIRROR_KINDS} or any("" in table for table in tables.values()):
        raise ValueError(text)
    if any(re.match(r"[a-z+]+://[^/]*@", place) for place in places):
        raise ValueError(text)
    return tables


def _vpc(text: str) -> str:
    block = network(text)
    if not 16 <= block.prefixlen <= 24:
        raise ValueError(text)
    return str(block)


def _mount_point(text: str) -> str:
    if _SYSTEM_FOLDERS.fullmatch(text):
        raise ValueError(text)
    return _matching(r"(/[A-Za-z0-9][A-Za-z0-9._-]*)+")(text)


_NAME = r"[a-z][a-z0-9-]{0,30}"
_AMI = r"ami-[0-9a-f]{8,17}"
_VOLUME = r"vol-[0-9a-f]{8,17}"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_SIZE = "a whole number of GiB from 1 to 16384"

KEYS: Mapping[str, Key] = {
    "hostName": Key(read=_matching(_NAME), allowed="a name of a-z, 0-9 and -, 31 characters at most", default="box"),
    "hosts": Key(read=_whole(1, 50), allowed="a whole number of boxes from 1 to 50", default=1),
    "recipe": Key(read=_matching(_NAME), allowed="the name of a recipe (`fab recipes` lists them)", default="digits"),
    "bootRecipe": Key(read=_matching(_NAME), allowed="the name of a recipe (`fab recipes` lists them)", default="base"),
    "instanceType": Key(
        read=_matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+"), allowed="an EC2 instance type", default="g4dn.xlarge"
    ),
    "gpu": Key(read=_one_of("auto", NO_GPU), allowed=f"auto or {NO_GPU}", default="auto"),
    "image": Key(
        read=lambda text: text if text in {*images(), BAKED} else _matching(_AMI)(text),
        allowed=f"{', '.join(images())}, {BAKED}, or the id of an image (ami-…)",
        default="ubuntu-22.04",
    ),
    "imageOs": Key(
        read=_one_of(*images()),
        allowed=f"one of {', '.join(images())}",
        default="",
        example="ubuntu-22.04",
    ),
    "sshPublicKey": Key(
        read=str, allowed="an ed25519 public key, or the path of its file", default="~/.ssh/id_ed25519.pub"
    ),
    "allowedCidrs": Key(
        read=lambda text: ranges(_names(text)),
        allowed=f'"{AUTO}" or a list of IPv4 ranges like 203.0.113.7/32, without bits set beyond the prefix',
        default=(AUTO,),
        example="203.0.113.7/32",
    ),
    "allowPublic": Key(read=_switch, allowed="true or false", default=False, example="false"),
    "vpcCidr": Key(read=_vpc, allowed="an IPv4 range from /16 to /24", default="10.20.0.0/16"),
    "zone": Key(
        read=_matching(r"[a-z]{2}(-[a-z]+)+-\d[a-z]"), allowed="an availability zone", default="", example="us-east-1a"
    ),
    "rootVolumeGib": Key(read=_whole(8, 16384), allowed="a whole number of GiB from 8 to 16384", default=100),
    "jobVolumeGib": Key(read=_whole(1, 16384), allowed=_SIZE, default=100),
    "jobVolumeOnDestroy": Key(read=_one_of(*ON_DESTROY), allowed=" or ".join(ON_DESTROY), default="snapshot"),
    "jobSnapshot": Key(
        read=_matching(rf"{NEWEST}|{NO_SNAPSHOT}|snap-[0-9a-f]{{8,17}}"),
        allowed=f"{NEWEST}, {NO_SNAPSHOT}, or the id of a snapshot (snap-…)",
        default=NEWEST,
    ),
    "jobVolume": Key(
        read=lambda text: (NEW,) if text == NEW else _each(_VOLUME)(text),
        allowed=f"{NEW}, or the id of a volume (vol-…; several with commas)",
        default=(),
        example="vol-0123456789abcdef0",
    ),
    "mountPoint": Key(read=_mount_point, allowed="an absolute path that is no system folder", default="/jobs"),
    "spot": Key(read=_switch, allowed="true or false", default=False, example="true"),
    "spotMaxPrice": Key(read=_positive, allowed="a price in USD per hour above 0", default=None, example="0.30"),
    "generation": Key(read=_whole(1, 10**6), allowed="a whole number from 1", default=1),
    "budgetMonthlyUsd": Key(read=_positive, allowed="an amount in USD above 0", default=None, example="100"),
    "budgetEmail": Key(
        read=_matching(r"[^@\s]+@[^@\s]+\.[^@\s]+"), allowed="an e-mail address", default="", example="me@example.com"
    ),
    "idleStopMinutes": Key(read=_whole(0, 10080), allowed="minutes from 0 (never) to 10080 (a week)", default=120),
    "maxLifetimeHours": Key(read=_whole(0, 8760), allowed="hours from 0 (no limit) to 8760 (a year)", default=0),
    "sources": Key(
        read=_table,
        allowed="an object of recipe: source",
        default={},
        example="--path gpurig:sources.cuda distribution",
    ),
    "s3Buckets": Key(
        read=_each(_BUCKET),
        allowed="a list of names of S3 buckets, or names with commas between them",
        default=(),
        example="my-datasets",
    ),
    "mirrors": Key(
        read=_mirrors,
        allowed=f"an object of kind ({', '.join(MIRROR_KINDS)}): {{prefix: replacement}}, without passwords "
        "(user-data is no place for them)",
        default={},
        example="""--path 'gpurig:mirrors.git["https://github.com/"]' https://git.example.com/""",
    ),
    "unpinned": Key(
        read=_names, allowed="a list of recipes, or recipes with commas between them", default=(), example="caffe"
    ),
    "acceptLicences": Key(
        read=_names,
        allowed="a list of licences, or licences with commas between them",
        default=(),
        example="nvidia-cuda,nvidia-cudnn",
    ),
}


def parse(raw: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the value of every key and, by key, what is wrong with it; a wrong value stands at its default."""
    values = {name: key.default for name, key in KEYS.items()}
    problems = {}
    for name, text in raw.items():
        if name not in KEYS:
            problems[name] = _unknown(name)
        elif text.strip():
            try:
                values[name] = KEYS[name].read(text.strip())
            except (ValueError, KeyError, TypeError, AttributeError):
                problems[name] = _wrong(name, text)
    return values, problems


def _unknown(name: str) -> str:
    nearest = difflib.get_close_matches(name, KEYS, n=1, cutoff=0)[0]
    return f'{NAMESPACE}:{name}: there is no such key; the nearest is "{nearest}" (all of them are in Pulumi.yaml)'


def _wrong(name: str, text: str) -> str:
    key = KEYS[name]
    shown = re.sub(r"://[^/@]*@", "://***@", text)  # a password in an address stays out of the message
    example = key.example or str(key.default)
    way_out = example if example.startswith("--path") else f"{NAMESPACE}:{name} {example}"
    return f'{NAMESPACE}:{name}: "{shown}" has to be {key.allowed}; for example: pulumi config set {way_out}'
