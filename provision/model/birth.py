"""What a box is made with and keeps until its next generation, whatever the settings say by then: its instance's tags.

Image, log-in user and mount point come with the image and the first boot, which a box never has again. All else that
the description of a host says follows the settings with the next `pulumi up` (type and GPU, price, ports, spot), or is
what `fab setup` is to make of the host by then (recipe, sources, mirrors, licences, guards, a GPU not to be used).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.model.tags import IMAGE, MOUNT_POINT, USER

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = ((IMAGE, "image", "image"), (USER, "user", "user"), (MOUNT_POINT, "mountPoint", "mount_point"))
"""Tag, and where the same stands in a host's row and in the target inside it."""


def as_born(row: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return a host's row with what its instance's tags say it was made with; older boxes do not have these tags."""
    own = {key: tags[tag] for tag, key, _ in _KEPT if tag in tags}
    target = {key: tags[tag] for tag, _, key in _KEPT if tag in tags}
    return {**row, **own, "target": {**row["target"], **target}}
