"""Rules about machines and their disks."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
from typing import TYPE_CHECKING

from infra.policy.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.policy.rule import Resource

INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
_SECRETS = re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|PRIVATE KEY-----|aws_secret_access_key", re.IGNORECASE)
_PACKED = re.compile(rb"[A-Za-z0-9+/=]{200,}")


def _unencrypted(volume: Resource, _: Sequence[Resource]) -> str:
    return "" if volume.props.get("encrypted") is True else "it is not encrypted"


def _root_unencrypted(instance: Resource, _: Sequence[Resource]) -> str:
    disks = [instance.props.get("rootBlockDevice") or {}, *(instance.props.get("ebsBlockDevices") or [])]
    return "" if all(disk.get("encrypted") is True for disk in disks) else "a disk of it is not encrypted"


def _old_metadata(instance: Resource, _: Sequence[Resource]) -> str:
    options = instance.props.get("metadataOptions") or {}
    return "" if options.get("httpTokens") == "required" else "its metadata answer without a token (IMDSv1)"


def _far_metadata(instance: Resource, _: Sequence[Resource]) -> str:
    options = instance.props.get("metadataOptions") or {}
    return "" if options.get("httpPutResponseHopLimit") == 1 else "its metadata can be had from a container"


def _no_role(instance: Resource, _: Sequence[Resource]) -> str:
    return (
        "" if instance.props.get("iamInstanceProfile") else "it has no role: an organisation may give it one of its own"
    )


def _secrets(instance: Resource, _: Sequence[Resource]) -> str:
    """Find credentials in user-data, in what is packed in it too."""
    plain = str(instance.props.get("userData") or "").encode()
    packed = str(instance.props.get("userDataBase64") or "").encode()
    found = any(_SECRETS.search(layer) for layer in (plain, *_layers(packed)))
    return "its user-data, which every program on it can read, hold a credential" if found else ""


def _layers(text: bytes, depth: int = 3) -> Iterator[bytes]:
    """Return base64 text, and what is in it once it is decoded and unpacked, so many times over."""
    yield text
    for part in _PACKED.findall(text) if depth else ():
        try:
            inner = base64.b64decode(part)
            yield from _layers(gzip.decompress(inner) if inner[:2] == b"\x1f\x8b" else inner, depth - 1)
        except (binascii.Error, OSError, EOFError):
            continue


RULES = (
    Rule(
        name="volumes-encrypted",
        ids=("EC2.3", "CKV_AWS_3", "CKV2_AWS_2"),
        text="Volumes are encrypted: `infra/storage.py`",
        types=(VOLUME,),
        wrong=_unencrypted,
    ),
    Rule(
        name="root-encrypted",
        ids=("EC2.3", "CKV_AWS_8"),
        text="Disks of instances are encrypted: `infra/host.py`",
        types=(INSTANCE,),
        wrong=_root_unencrypted,
    ),
    Rule(
        name="metadata-by-token",
        ids=("EC2.8", "CKV_AWS_79"),
        text="Metadata answer to a token alone (IMDSv2): `infra/host.py`",
        types=(INSTANCE,),
        wrong=_old_metadata,
    ),
    Rule(
        name="metadata-one-hop",
        ids=("CKV_AWS_341",),
        text="Metadata are one hop away at most, out of a container's reach: `infra/host.py`",
        types=(INSTANCE,),
        wrong=_far_metadata,
    ),
    Rule(
        name="instance-has-role",
        ids=("CKV2_AWS_41",),
        text="An instance has a role of its own, which denies all but named buckets: `infra/access.py`",
        types=(INSTANCE,),
        wrong=_no_role,
    ),
    Rule(
        name="no-secret-in-user-data",
        ids=("CKV_AWS_46",),
        text="User-data hold no credential, packed or not: `provision/bundle/cloud_init.py`",
        types=(INSTANCE,),
        wrong=_secrets,
    ),
)
