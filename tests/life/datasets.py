"""What the tests of data sets on a box share: a folder of pictures, and what of it is on the box."""

from __future__ import annotations

import hashlib
import random
import re
import zipfile

from rehearsal.user import User
from tests.kit.archives import zipped

PLACE = "/jobs/datasets"
RANDOM = random.Random(5)  # noqa: S311 - contents of files
PICTURES = {f"train/{kind}/{i}.jpg": RANDOM.randbytes(100_000) for kind in ("cat", "dog") for i in range(40)}
ARCHIVE = zipped(PICTURES, zipfile.ZIP_STORED)
WANTED = {name: hashlib.sha256(data).hexdigest() for name, data in PICTURES.items()}


def sums(user: User, name: str, **where: str) -> dict[str, str]:
    """Return the checksums of a data set's files."""
    said = user.on_box(f"cd {PLACE}/{name} && find . -type f -exec sha256sum {{}} +", **where)
    found = re.findall(r"^([0-9a-f]{64})  \./(.+)$", said, re.MULTILINE)
    return {path: digest for digest, path in found}


def leave(user: User, room: int) -> None:
    """Fill the volume with /jobs/filler, up to so many bytes."""
    user.on_box(f"fallocate -l $(($(df --output=avail --block-size=1 /jobs | tail -n 1) - {room})) /jobs/filler")
