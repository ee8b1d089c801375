"""What a box is made with and keeps until its next generation: noted in its tags, told where the settings moved on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.model.access import PUBLIC
from provision.model.tags import ACCESS, FROM_IMAGE, IMAGE, MOUNT_POINT, USER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.settings import Settings

KEPT = tuple(f'tags["{key}"]' for key in (IMAGE, FROM_IMAGE, USER, MOUNT_POINT))
"""For `ignore_changes`: beside the image and the user-data, which they tell of, and so for as long as those."""


def birth_tags(settings: Settings) -> dict[str, str]:
    """Return what a box that is made now is tagged with."""
    return {
        IMAGE: settings.system.name,
        FROM_IMAGE: settings.image,
        USER: settings.system.user,
        MOUNT_POINT: settings.mount_point,
        **({ACCESS: settings.access} if settings.access != PUBLIC else {}),
    }


def waiting(tags: Mapping[str, str], settings: Settings) -> list[str]:
    """Return the settings that a box with these tags does not have, as messages; none for a box without such tags."""
    wanted = birth_tags(settings)
    changed = {key: f"{tags[key]} → {value}" for key, value in wanted.items() if tags.get(key, value) != value}
    images = [f"{name} {changed[key]}" for key, name in ((FROM_IMAGE, "image"), (IMAGE, "imageOs")) if key in changed]
    places = [f"mountPoint {changed[MOUNT_POINT]}"] if MOUNT_POINT in changed else []
    when = f"the next generation (pulumi config set gpurig:generation {settings.generation + 1})"
    if settings.spot:
        when = "the next box (pulumi destroy, then pulumi up)"
    return [f"{change} takes effect with {when}" for change in (*images[:1], *places)]
