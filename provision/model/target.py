"""What a bundle is rendered for: the image, GPU, disk and choices of one host, as plain data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from provision.model.busy import BUSY
from provision.model.platforms import NO_GPU

if TYPE_CHECKING:
    from collections.abc import Mapping

MIRROR_KINDS = ("git", "apt", "pip", "conda", "download", "oci")
"""What has addresses: repositories, archives of packages, indexes of Python packages, files, container images."""
BROADEST = {4: 8, 6: 32}
"""IP version → prefix length of the broadest range of addresses that is not "public"; IPv4's has 16 million of them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One host, as far as rendering needs to know it."""

    image: str = "ubuntu-22.04"
    gpu: str = NO_GPU
    """Model of the GPU that is there ("T4"), or "none"."""
    compute: str = "7.5"
    """CUDA compute capability to compile for; also said when there is no GPU to run it."""
    user: str = "ubuntu"
    """The account that the user logs in with; services run as this user."""
    mount_point: str = "/jobs"
    volume_id: str = ""
    """EBS volume mounted there ("vol-0abc…"); "" where the mount point is a plain directory."""
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Recipe → the source to take it from ("cuda": "distribution"); the recipe's first one where not said."""
    mirrors: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    """Kind (one of `MIRROR_KINDS`) → address prefix → what stands in its place."""
    unpinned: tuple[str, ...] = ()
    """Recipes whose git mirror may hold another commit than the pinned one: for stand-ins only."""
    licences: tuple[str, ...] = ()
    """Licences that the user has accepted, by the recipes' names for them."""
    allow: tuple[str, ...] = ()
    """Address ranges that the recipe `firewall` lets in ("198.51.100.7/32"), IPv4 and IPv6."""
    ui_port: int = 5000
    """The port that it opens to them beside SSH: that of the web interface in use."""
    idle_stop_minutes: int = 0
    """Shut the box down after so many idle minutes; 0: never."""
    lifetime_hours: int = 0
    """Shut the box down so many hours after its boot; 0: never."""
    busy: Mapping[str, float] = dataclasses.field(default_factory=lambda: BUSY)
    """What counts as use, in place of or beside `BUSY`."""
    busy_probe: str = ""
    """A command of the user's own that says whether the box is in use: exit code 0 is yes, 1 is no."""
    before_stop: str = ""
    """A command of the user's own that runs before the box stops by itself."""
    builders: tuple[str, ...] = ()
    """Public keys, without comments, by whose signatures kept builds count beside those of the user's own."""

    spot: bool = False
    """Whether EC2 may take the box: then it watches for the notice of that."""
    leaves_early: bool = False
    """Whether it goes when EC2 recommends that, before the notice."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Target:
        """Read what `to_document` wrote; keys that this version does not know are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in document.items() if key in known
        }
        return cls(**values)

    def to_document(self) -> dict[str, Any]:
        """Return plain JSON data, every field present."""
        return {
            field.name: list(value) if isinstance(value := getattr(self, field.name), tuple) else value
            for field in dataclasses.fields(self)
        }

    def mirrored(self, kind: str, url: str) -> str:
        """Return `url` with its longest mirrored prefix replaced, or as it is."""
        table = self.mirrors.get(kind, {})
        prefix = max((p for p in table if url.startswith(p)), key=len, default=None)
        return url if prefix is None else table[prefix] + url[len(prefix) :]
