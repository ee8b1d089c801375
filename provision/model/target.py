"""What a bundle is rendered for: the image, GPU, disk and choices of one host, as plain data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from provision.model import checks
from provision.model.busy import BUSY
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, images
from provision.model.ranges import RANGES
from provision.model.schema import ANY, FLAG, mismatches
from provision.model.urls import MIRRORS

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMAND = checks.none_or(checks.COMMAND)
SCHEMA: Mapping[str, Any] = {
    "image": checks.Kind("an image that recipes know", lambda value: isinstance(value, str) and value in images()),
    "gpu": checks.GPU,
    "compute": checks.COMPUTE,
    "user": checks.USER,
    "mount_point": checks.MOUNT_POINT,
    "volume_id": checks.none_or(checks.VOLUME),
    "sources": checks.table(checks.NAME, checks.WORD, "a table of recipe = source"),
    "mirrors": MIRRORS,
    "unpinned": checks.listed(checks.NAME, "a list of recipes' names"),
    "licences": checks.listed(checks.WORD, "a list of licences' names"),
    "allow": RANGES,
    "ui_port": checks.PORT,
    "peers": checks.listed(checks.IP, "a list of IP addresses"),
    "idle_stop_minutes": checks.WHOLE,
    "lifetime_hours": checks.WHOLE,
    "busy": checks.table(checks.text("[a-z]+", ""), checks.NUMBER, "a table of figure = number"),
    "busy_probe": _COMMAND,
    "before_stop": _COMMAND,
    "builders": checks.listed(checks.BUILDER, "a list of ed25519 public keys without comments"),
    "builds": checks.none_or(checks.BUILDS),
    "builds_account": checks.none_or(checks.ACCOUNT),
    "spot": FLAG,
    "leaves_early": FLAG,
    "*": ANY,  # of a later version, and left out
}
"""What each field may be: all of them reach scripts, units or files of the box that root reads."""


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
    peers: tuple[str, ...] = ()
    """IP addresses of the other hosts, which it lets in on TCP ports from 1024 on."""
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
    builds: str = ""
    """The bucket that has kept builds, too ("s3://lab-builds/gpurig"); "": none."""
    builds_account: str = ""
    """Whose bucket that is; "": the account of who asks."""
    spot: bool = False
    """Whether EC2 may take the box: then it watches for the notice of that."""
    leaves_early: bool = False
    """Whether it goes when EC2 recommends that, before the notice."""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Target:
        """Read what `to_document` wrote; keys that this version does not know are left out. Raises `BadInput`."""
        if problems := mismatches(document, SCHEMA):
            raise BadInput(problems)
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

    @property
    def ours(self) -> bool:
        """Whether gpurig made the box, and unmakes it: those have a job volume. Else it is somebody's own."""
        return bool(self.volume_id)

    def taking(self, recipe: str, source: str) -> Target:
        """Return the same host with a recipe taken from another source."""
        return dataclasses.replace(self, sources={**self.sources, recipe: source})

    def mirrored(self, kind: str, url: str) -> str:
        """Return `url` with its longest mirrored prefix replaced, or as it is."""
        table = self.mirrors.get(kind, {})
        prefix = max((p for p in table if url.startswith(p)), key=len, default=None)
        return url if prefix is None else table[prefix] + url[len(prefix) :]
