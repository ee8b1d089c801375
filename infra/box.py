"""One box with all that is its own: who may reach it, its job volume, the instance."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING

import pulumi

from infra.access import Access, AccessArgs
from infra.described import host_document
from infra.host import Host, HostArgs
from infra.price import Price
from infra.refusal import refusals
from infra.storage import JobVolume, JobVolumeArgs
from infra.volumes import job_volume_tags
from provision.bundle import cloud_init
from provision.bundle.render import render
from provision.model.host import BOX, VERSION

if TYPE_CHECKING:
    from infra.network import Network
    from infra.placement import Placement
    from infra.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoxArgs:
    """What a `Box` is made of."""

    settings: Settings
    placement: Placement
    network: Network
    """Where to put it; it needs a subnet in the zone of the placement."""


class Box(pulumi.ComponentResource):
    """A GPU box of one recipe. Several of them can share a network."""

    def __init__(self, name: str, args: BoxArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        # Noted with the component, before anything is made: of a box that was refused, and of all others then, the
        # state still says what they are. The stack's outputs do not.
        document = {"version": VERSION, **host_document(args.placement.cloud, args.settings)}
        super().__init__(BOX, name, {"document": document}, opts)
        self.settings = args.settings
        plan = args.placement.volume_plans[name]
        self.price = Price.of(args.settings, plan.size_gib)
        self.access = self._access(name, args)
        self.job_volume = self._job_volume(name, args)
        self.host = self._host(name, args)
        pulumi.log.info(f"{name}: {args.settings.machine.name}, {self.price}", self)
        if plan.new_content and args.settings.looks_for_volumes:
            pulumi.log.info(f"{name}: its job volume is {plan.new_content}", self)
        if stopped := args.placement.stopped.get(name):
            pulumi.log.info(f"{name}: {stopped}", self)
        for warning in plan.warnings:
            pulumi.log.warn(f"{name}: {warning}", self)
        self.register_outputs({"address": self.host.instance.public_ip})

    def _access(self, name: str, args: BoxArgs) -> Access:
        wanted = AccessArgs(
            vpc_id=args.network.vpc.id,
            public_key=args.settings.ssh_public_key,
            cidrs=args.settings.allowed_cidrs,
            ports=args.settings.ports,
            buckets=args.settings.s3_buckets,
        )
        return Access(name, wanted, pulumi.ResourceOptions(parent=self))

    def _job_volume(self, name: str, args: BoxArgs) -> JobVolume:
        wanted = JobVolumeArgs(
            plan=args.placement.volume_plans[name],
            on_destroy=args.settings.job_volume_on_destroy,
            tags=job_volume_tags(name),
        )
        return JobVolume(f"{name}-jobs", wanted, pulumi.ResourceOptions(parent=self))

    def _host(self, name: str, args: BoxArgs) -> Host:
        zone = self.job_volume.volume.availability_zone
        wanted = HostArgs(
            ami=args.placement.ami,
            instance_type=args.settings.machine.name,
            # Where the volume is, not where a new one would be: a volume cannot follow the box.
            subnet_id=zone.apply(refusals()(args.network.subnet_in)),
            group_id=self.access.group.id,
            key_name=self.access.key_pair.key_name,
            profile=self.access.profile.name,
            user_data=self.job_volume.id.apply(refusals()(self._user_data)),
            volume_id=self.job_volume.id,
            root_gib=args.settings.root_volume_gib,
            generation=args.settings.generation,
            spot=args.settings.spot,
            spot_max_price=args.settings.spot_max_price,
            needs=[args.network, self.access],
        )
        return Host(name, wanted, pulumi.ResourceOptions(parent=self))

    def _user_data(self, volume_id: str) -> str:
        settings = self.settings
        target = settings.target(volume_id)
        bundle = render((settings.boot_recipe,), target, settings.catalogue)
        return base64.b64encode(cloud_init.user_data(bundle)).decode("ascii")
