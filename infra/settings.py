"""The settings of a stack's boxes, all checked at once. Nothing else reads `pulumi.Config`."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from typing import TYPE_CHECKING

import pulumi

from infra import conflicts, fit, keys, ranges
from infra.public_key import read_public_key
from provision.catalogue.recipe import Catalogue
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, gpus, images, instance_types
from provision.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cloud import Cloud
    from provision.model.platforms import Image, InstanceType


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """Where in AWS to work: `aws:region` and `aws:profile`, else what the environment says."""

    region: str
    """Empty where neither says; `Settings.load` refuses that."""
    profile: str | None = None

    @classmethod
    def load(cls) -> Account:
        """Read it as the AWS provider would."""
        config = pulumi.Config("aws")
        environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
        return cls(region=config.get("region") or environment, profile=config.get("profile"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One box as its user wants it. `infra/keys.py` and Pulumi.yaml say what each field means and may be."""

    host_name: str
    hosts: int
    recipe: str
    boot_recipe: str
    machine: InstanceType
    """What `instanceType` names."""
    gpu: str
    image: str
    image_os: str
    ssh_public_key: str
    """The key itself; a path has been read."""
    allowed_cidrs: tuple[str, ...]
    """IPv4 ranges; "auto" has been looked up."""
    allow_public: bool
    vpc_cidr: str
    zone: str
    root_volume_gib: int
    job_volume_gib: int
    job_volume_on_destroy: str
    job_snapshot: str
    job_volume: tuple[str, ...]
    """Ids of volumes to use, or `keys.NEW`."""
    mount_point: str
    spot: bool
    spot_max_price: float | None
    generation: int
    budget_monthly_usd: float | None
    budget_email: str
    idle_stop_minutes: int
    max_lifetime_hours: int
    sources: Mapping[str, str]
    s3_buckets: tuple[str, ...]
    mirrors: Mapping[str, Mapping[str, str]]
    unpinned: tuple[str, ...]
    accept_licences: tuple[str, ...]
    catalogue: Catalogue = dataclasses.field(repr=False, compare=False)
    """The recipes to choose from."""

    @classmethod
    def load(
        cls, cloud: Cloud, *, overrides: Mapping[str, str] | None = None, catalogue: Catalogue | None = None
    ) -> Settings:
        """Read and check the configuration; `overrides` (keys as in Pulumi.yaml) come before it.

        Raises `BadInput` with every problem. AWS is asked for nothing but an instance type that is not in the table.
        """
        raw = {name: value for name in (*keys.KEYS, *_given()) if (value := _config().get(name)) is not None}
        values, refused = keys.parse({**raw, **(overrides or {})})
        for name, resolve in (("sshPublicKey", read_public_key), ("allowedCidrs", _with_own_address)):
            try:
                values[name] = values[name] if name in refused else resolve(values[name])
            except ValueError as error:
                refused[name] = f"{keys.NAMESPACE}:{name}: {error}"
        machine, wrong = _machine(cloud, values.pop("instanceType"))
        fields = {_field(name): value for name, value in values.items()}
        settings = cls(**fields, machine=machine, catalogue=catalogue or Catalogue())
        problems = [*refused.values(), *wrong, *conflicts.problems(settings, cloud.region)]
        if (settings.image_os or settings.image) in images():
            problems += fit.problems(settings)
        if problems:
            raise BadInput(problems)
        return settings

    def each(self) -> tuple[Settings, ...]:
        """Return the settings of each host: the same but for its name; more hosts leave the first ones alone."""
        names = [self.host_name, *(f"{self.host_name}-{number}" for number in range(2, self.hosts + 1))]
        return tuple(dataclasses.replace(self, host_name=name) for name in names)

    @property
    def looks_for_volumes(self) -> bool:
        """Whether a volume that is there already counts; with "new" nobody looks for one."""
        return self.job_volume != (keys.NEW,)

    @property
    def system(self) -> Image:
        """The image whose rules apply: the account to log in with, what it brings, what recipes support."""
        return images()[self.image_os or self.image]

    def target(self, volume_id: str = "") -> Target:
        """Return what bundles for this box are rendered for."""
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
            lifetime_hours=self.max_lifetime_hours,
        )

    @property
    def ports(self) -> dict[str, int]:
        """What listens on the box when its recipe is installed: name of the recipe (or "ssh") → port."""
        found = {"ssh": 22}
        for name in sorted(self.catalogue.closure((self.boot_recipe, self.recipe))):
            for port in self.catalogue.recipes[name].ports:
                found[name if name not in found else f"{name}-{port}"] = port
        return found


def _machine(cloud: Cloud, name: str) -> tuple[InstanceType, list[str]]:
    """Return an instance type, and what is wrong with its name; where something is, the default stands in."""
    if machine := instance_types().get(name):
        return machine, []
    default = instance_types()[keys.KEYS["instanceType"].default]
    try:
        return cloud.instance_type(name) if cloud.region else default, []
    except BadInput as error:
        nearest = instance_types()[difflib.get_close_matches(name, instance_types(), n=1, cutoff=0)[0]]
        return default, [f"{error}; the nearest that gpurig knows is {nearest}"]


def _config() -> pulumi.Config:
    return pulumi.Config(keys.NAMESPACE)


def _given() -> list[str]:
    """Return the keys that are set, known or not: `pulumi.Config` itself cannot list them."""
    prefix = f"{keys.NAMESPACE}:"
    return [name.removeprefix(prefix) for name in pulumi.runtime.get_config_env() if name.startswith(prefix)]


def _field(key: str) -> str:
    return re.sub(r"([A-Z])", lambda upper: f"_{upper[0].lower()}", key)


def _with_own_address(cidrs: tuple[str, ...]) -> tuple[str, ...]:
    if ranges.AUTO not in cidrs:
        return cidrs
    try:
        own = ranges.own_address()
    except ValueError as error:
        way_out = f"pulumi config set {keys.NAMESPACE}:allowedCidrs 203.0.113.7/32"
        raise ValueError(f'"auto" cannot find your address: {error}; set it yourself: {way_out}') from error
    return tuple(dict.fromkeys(own if cidr == ranges.AUTO else cidr for cidr in cidrs))
