"""The tags that gpurig puts on AWS resources and finds them again by. Their names stand nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "Name"
"""What AWS's console shows."""
PROJECT = "gpurig:project"
STACK = "gpurig:stack"
MANAGED_BY = "gpurig:managed-by"
STACK_ID = "gpurig:stack-id"
"""Of everything: which of the stacks of that name it is of (`model/identity.py`)."""
MADE_BY = "gpurig:made-by"
"""Of everything: who made that stack, by the ARN."""
HOST = "gpurig:host"
"""Of an instance, a job volume and its snapshots: the box that they are of."""
GENERATION = "gpurig:generation"

UPTIME = "gpurig:uptime"
"""Of an instance: when it ran before its last start (`life/ledger.py`). Pulumi neither sets nor removes it."""

VOLUME = "gpurig:volume"
"""Of a volume and its snapshots: what it is for, `JOBS` or `TEMPORARY`."""
JOBS = "jobs"
TEMPORARY = "restore"
"""There for a restore only."""
NOTED = "gpurig:attachments"
"""Of a job volume, from its creation on: its first attachment is noted in `ATTACHED`. Value: `AS_A_TAG`."""
AS_A_TAG = "noted"
ATTACHED = "gpurig:attached"
"""Of a job volume: it may hold jobs, for it was attached, or is about to be: the tag is there first, and for good.

Where `NOTED` is and this is not, there is nothing on it but what it was made from. Nothing else says so: the volumes of
older versions, and those that were made by hand, have neither.
"""
FROM = "gpurig:from"
"""Of a job volume and its snapshots: the snapshot that the volume was made from."""
LAST = "fab orphans: the last of this volume"
"""No tag: how `fab orphans` describes the snapshot that it takes of a job volume. `pulumi destroy` describes none."""

IMAGE = "gpurig:image"
"""Of a baked image and an instance: the image that it began as, by its name here ("ubuntu-22.04"); its rules hold."""
FROM_IMAGE = "gpurig:from-image"
"""Of an instance: what `gpurig:image` said when it was made ("ubuntu-22.04", "baked", "ami-…")."""
USER = "gpurig:user"
"""Of an instance: the account to log in with."""
MOUNT_POINT = "gpurig:mount-point"
"""Of an instance: where its first boot mounts the job volume."""
ACCESS = "gpurig:access"
"""Of an instance without an address of the internet: how it is reached (`model/access.py`)."""
RECIPE = "gpurig:recipe"
DIGEST = "gpurig:digest"
"""SHA-256 over all that its recipe installs."""
ROOT_GIB = "gpurig:root-gib"
"""What a root volume must hold at least, GiB."""


def was_never_attached(carried: Mapping[str, str]) -> bool:
    """Tell of a job volume, by all its tags, whether nothing is on it but what it was made from."""
    return carried.get(NOTED) == AS_A_TAG and ATTACHED not in carried


def of_the_user(carried: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of `aws:defaultTags` and of whoever tags by hand: neither gpurig's nor AWS's own."""
    return {key: value for key, value in carried.items() if key != NAME and not key.startswith(("gpurig:", "aws:"))}
