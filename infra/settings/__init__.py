"""The settings of a stack's boxes. Each is declared here once: how users type it, what it may be, what it is for.

`infra.settings.load` reads and refuses by it, and `make pages` writes the keys of Pulumi.yaml and docs/settings.md.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from infra.settings import checks
from infra.settings.reach import Reach
from infra.settings.setting import setting
from provision.model import checks as kinds
from provision.model.access import PRIVATE, PUBLIC, SSM
from provision.model.busy import BUSY
from provision.model.platforms import BAKED, NO_GPU, gpus, images
from provision.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.catalogue.catalogue import Catalogue
    from provision.model.platforms import Image, InstanceType

ON_DESTROY = ("snapshot", "retain", "delete")
NEWEST = "newest"
NO_SNAPSHOT = "none"
NEW = "new"

_RECIPE = checks.of(kinds.NAME, "the name of a recipe (`fab recipes` lists them)")
_IMAGES, _IMAGE = ", ".join(images()), "|".join(map(re.escape, images()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(Reach):
    """One box as its user wants it. A setting's docstring is its description in Pulumi.yaml and docs/settings.md."""

    host_name: str = setting("hostName", checks.of(kinds.NAME), "box")
    """Name of the box in `fab`, in tags and in resource names."""
    hosts: int = setting("hosts", checks.whole(1, 50, "a whole number of boxes from 1 to 50"), 1)
    """How many boxes, 1 to 50: box, box-2, box-3, … each with a job volume of its own; they reach each other, on TCP
    ports from 1024 on."""
    recipe: str = setting("recipe", _RECIPE, "digits")
    """What the box is for; `fab setup` installs it, `pulumi preview` refuses it where it cannot work."""
    boot_recipe: str = setting("bootRecipe", _RECIPE, "base")
    """What cloud-init installs at the first boot; it has to fit into 16 KiB of user-data."""
    instance_type: str = setting(
        "instanceType", checks.matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an EC2 instance type"), "g4dn.xlarge"
    )
    """EC2 instance type; one that gpurig does not know is looked up."""
    gpu: str = setting("gpu", checks.matching(f"auto|{NO_GPU}", f"auto or {NO_GPU}"), "auto")
    """auto: the GPU of the instance type; none: a box without a GPU, or one whose GPU is not to be used."""
    image: str = setting(
        "image",
        checks.matching(
            rf"{_IMAGE}|{BAKED}|ami-[0-9a-f]{{8,17}}", f"{_IMAGES}, {BAKED}, or the id of an image (ami-…)"
        ),
        "ubuntu-22.04",
    )
    """ubuntu-22.04, dlami-base-22.04, dlami-pytorch-24.04 or debian-12, always the newest; baked (by `fab bake`); or an
    id (ami-…)."""
    image_os: str = setting("imageOs", checks.matching(_IMAGE, f"one of {_IMAGES}"), "", example="ubuntu-22.04")
    """For baked or an image by its id, the image whose rules apply (account, recipes)."""
    zone: str = setting(
        "zone", checks.matching(r"[a-z]{2,5}(-[a-z]+)+-\d[a-z]", "an availability zone"), "", example="us-east-1a"
    )
    """Availability zone; not set, the first one that offers the instance type."""
    root_volume_gib: int = setting(
        "rootVolumeGib", checks.whole(8, 16384, "a whole number of GiB from 8 to 16384"), 100
    )
    """Size of the root volume; it goes with the box."""
    job_volume_gib: int = setting("jobVolumeGib", checks.whole(1, 16384, "a whole number of GiB from 1 to 16384"), 100)
    """Size of the job volume; it may grow later, never shrink."""
    job_volume_on_destroy: str = setting(
        "jobVolumeOnDestroy", checks.matching("|".join(ON_DESTROY), " or ".join(ON_DESTROY)), "snapshot"
    )
    """What `pulumi destroy` does with the job volume: snapshot (and delete), retain or delete."""
    job_snapshot: str = setting(
        "jobSnapshot",
        checks.matching(
            rf"{NEWEST}|{NO_SNAPSHOT}|snap-[0-9a-f]{{8,17}}",
            f"{NEWEST}, {NO_SNAPSHOT}, or the id of a snapshot (snap-…)",
        ),
        NEWEST,
    )
    """What a new job volume is made from: newest (snapshot of this stack and box), none, or snap-…."""
    job_volume: tuple[str, ...] = setting(
        "jobVolume",
        checks.listed(r"vol-[0-9a-f]{8,17}", f"{NEW}, or the id of a volume (vol-…; several with commas)", alone=NEW),
        (),
        example="vol-0123456789abcdef0",
    )
    """Volumes to use instead of new ones (vol-…, with commas; each goes to the box of its tag gpurig:host): Pulumi
    attaches them, and never grows or deletes them; new: a new one whatever is there."""
    mount_point: str = setting("mountPoint", checks.of(kinds.MOUNT_POINT), "/jobs")
    """Where the box mounts the job volume."""
    spot: bool = setting("spot", checks.SWITCH, default=False, example="true")
    """Spot instead of on-demand: cheaper, may be taken away at any time, cannot be stopped."""
    spot_max_price: float | None = setting(
        "spotMaxPrice", checks.Check(checks.read_usd, "a price in USD per hour above 0"), None, example="0.30"
    )
    """Most that a spot box may cost, USD per hour; not set, the on-demand price."""
    spot_rebalance: str = setting("spotRebalance", checks.matching("tell|leave", "tell or leave"), "tell")
    """What a spot box does when EC2 says that it is likelier to be taken: tell; or leave, and `fab resume` goes on."""
    generation: int = setting("generation", checks.whole(1, 10**6, "a whole number from 1"), 1)
    """Another number makes a new box from the newest image and recipes; the job volume moves over."""
    budget_monthly_usd: float | None = setting(
        "budgetMonthlyUsd", checks.Check(checks.read_usd, "an amount in USD above 0"), None, example="100"
    )
    """Monthly cost of the whole account, in USD, at which AWS sends a mail (at 80 % and at 100 %)."""
    budget_email: str = setting(
        "budgetEmail", checks.matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"), "", example="me@example.com"
    )
    """Where that mail goes."""
    budget_forecast: bool = setting("budgetForecast", checks.SWITCH, default=False, example="true")
    """Mail also when AWS forecasts that the month will cost more; it needs five weeks of an account's past to do so."""
    budget_action: str = setting("budgetAction", checks.matching("none|stop", "none or stop"), "none", example="stop")
    """stop: AWS stops the stack's boxes when the whole account has cost the monthly amount; some hours late."""
    idle_stop_minutes: int = setting(
        "idleStopMinutes", checks.whole(0, 10080, "minutes from 0 (never) to 10080 (a week)"), 120
    )
    """Shut the box down after so many minutes without work and without a user; 0 is never."""
    busy: Mapping[str, float] = setting("busy", checks.BUSY_FIGURES, {}, example="--path gpurig:busy.terminal 60")
    """What counts as work and as a user, figure: number, where it is to be another one than docs/idle.md has."""
    busy_probe: str = setting("busyProbe", checks.of(kinds.COMMAND), "", example="pgrep -x my-server")
    """A command of your own, asked every minute: exit code 0 means in use, 1 idle; any other, and none, in use too."""
    before_stop: str = setting("beforeStop", checks.of(kinds.COMMAND), "", example="~/save.sh")
    """A command of your own that runs before the box stops by itself, for 10 minutes at most."""
    max_hours: int = setting("maxHours", checks.whole(0, 8760, "hours from 0 (no limit) to 8760 (a year)"), 0)
    """Stop (spot: terminate) the box so many hours after each start: its own timer, and AWS after it; 0 is never."""
    max_spend: float | None = setting(
        "maxSpend", checks.Check(checks.read_usd, "an amount in USD above 0"), None, example="50"
    )
    """Stop a box for good once it has cost so much, in USD, in all the hours that it ran; each box by itself."""
    sources: Mapping[str, str] = setting(
        "sources",
        checks.Check(checks.read_sources, "an object of recipe: source"),
        {},
        example="--path gpurig:sources.cuda distribution",
    )
    """Where to take a recipe from, recipe: source, where it has several (`fab recipes` lists them)."""
    s3_buckets: tuple[str, ...] = setting(
        "s3Buckets",
        checks.listed(
            r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "a list of names of S3 buckets, or names with commas between them"
        ),
        (),
        example="my-datasets",
    )
    """S3 buckets, as a list or with commas, that the boxes may read (`fab dataset-get s3://…`); nothing else of AWS."""
    permissions_boundary: str = setting(
        "permissionsBoundary", checks.A_POLICY, "", example="arn:aws:iam::123456789012:policy/boundary"
    )
    """Policy that limits every role of the stack, by its ARN, where the account lets nobody make a role without one."""
    mirrors: Mapping[str, Mapping[str, str]] = setting(
        "mirrors",
        checks.MIRROR_TABLES,
        {},
        example="""--path 'gpurig:mirrors.git["https://github.com/"]' https://git.example.com/""",
    )
    """What stands in for outside addresses, kind (git, apt, pip, conda, download, oci): {prefix: replacement}."""
    unpinned: tuple[str, ...] = setting("unpinned", checks.names(kinds.NAME, "recipes"), (), example="caffe")
    """Recipes, as a list or with commas, whose git mirror may hold another commit than the pinned one; for stand-ins
    only."""
    accept_licences: tuple[str, ...] = setting(
        "acceptLicences", checks.names(kinds.WORD, "licences"), (), example="nvidia-cuda,nvidia-cudnn"
    )
    """Licences, as a list or with commas, that you have read and accepted, by the names that `pulumi preview` asks
    for."""

    builders: tuple[str, ...] = setting(
        "builders",
        checks.SIGNING_KEYS,
        (),
        example="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    )
    """Public keys of others whose kept builds your boxes take too (docs/volumes.md), as a list or with commas."""

    builds: str = setting("builds", checks.of(kinds.BUILDS), "", example="s3://lab-builds/gpurig")
    """Bucket that has kept builds, too, for all stacks that name it (docs/builds.md): s3://BUCKET/PREFIX."""
    builds_account: str = setting("buildsAccount", checks.of(kinds.ACCOUNT), "", example="123456789012")
    """Account whose bucket that has to be, where it is not your own."""
    machine: InstanceType
    """What `instance_type` names."""
    catalogue: Catalogue = dataclasses.field(repr=False, compare=False)
    """The recipes to choose from."""

    def per_host(self) -> tuple[Settings, ...]:
        """Return the settings of each host: the same but for its name; more hosts leave the first ones alone."""
        hosts = [self.host_name, *(f"{self.host_name}-{number}" for number in range(2, self.hosts + 1))]
        return tuple(dataclasses.replace(self, host_name=name) for name in hosts)

    @property
    def looks_for_volumes(self) -> bool:
        """Whether a volume that is there already counts; with "new" nobody looks for one."""
        return self.job_volume != (NEW,)

    @property
    def system(self) -> Image:
        """The image whose rules apply: the account to log in with, what it brings, what recipes support."""
        return images()[self.image_os or self.image]

    def target(self, volume_id: str = "", *, lifetime_hours: int | None = None) -> Target:
        """Return what bundles for this box are rendered for; `lifetime_hours` where money may end it sooner."""
        model = gpus().get(self.machine.gpu)
        return Target(
            image=self.system.name,
            gpu=NO_GPU if self.gpu == NO_GPU else self.machine.gpu,
            compute=model.compute if model else Target.compute,
            user=self.system.user,
            mount_point=self.mount_point,
            volume_id=volume_id,
            sources=self.sources,
            mirrors=self.mirrors,
            unpinned=self.unpinned,
            licences=self.accept_licences,
            idle_stop_minutes=self.idle_stop_minutes,
            busy={**BUSY, **self.busy},
            busy_probe=self.busy_probe,
            before_stop=self.before_stop,
            lifetime_hours=self.max_hours if lifetime_hours is None else lifetime_hours,
            spot=self.spot,
            builders=self.builders,
            builds=self.builds,
            builds_account=self.builds_account,
            leaves_early=self.spot and self.spot_rebalance == "leave",
        )

    @property
    def ports(self) -> dict[str, int]:
        """What listens on the box when its recipe is installed: name of the recipe (or "ssh") → port."""
        found = {"ssh": 22}
        for name in sorted(self.catalogue.closure((self.boot_recipe, self.recipe))):
            for port in self.catalogue.recipes[name].ports:
                found[name if name not in found else f"{name}-{port}"] = port
        return found

    @property
    def doors(self) -> dict[str, int]:
        """What the security group opens of that: all to named addresses, SSH to a bastion, nothing with SSM."""
        return {PUBLIC: self.ports, PRIVATE: {"ssh": 22}, SSM: {}}[self.access]
