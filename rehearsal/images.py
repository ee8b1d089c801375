"""The images of the rehearsal: what EC2 shows of them, the parameters that name them, the root that each boots from."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path

from rehearsal.errors import RehearsalError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """One machine image."""

    id: str
    root: str
    """The root file system that a box boots from: ubuntu-22.04, ubuntu-24.04 or debian-12."""
    owner: str
    name: str
    description: str
    created: str
    """ISO 8601, with a zone."""
    root_device: str
    root_gib: int
    """What a root volume must hold at least."""
    parameters: tuple[str, ...]
    """The SSM public parameters whose value is this image's id."""


@functools.cache
def catalogue() -> dict[str, Image]:
    """Return every image by its id."""
    documents = json.loads(Path(__file__).with_name("images.json").read_text())
    images = [Image(**{**document, "parameters": tuple(document["parameters"])}) for document in documents]
    return {image.id: image for image in images}


def root_of(image_id: str) -> str:
    """Return the name of the root file system that an image's boxes boot from; RehearsalError for an unknown image."""
    try:
        return catalogue()[image_id].root
    except KeyError:
        raise RehearsalError(f"no image {image_id}: the rehearsal cloud has {', '.join(sorted(catalogue()))}") from None
