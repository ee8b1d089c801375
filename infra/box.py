"""One box with all that is its own: who may reach it, its job volume, the instance."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING, Any

import pulumi

from infra.access import Access, AccessArgs
from infra.birth import birth_tags, waiting
from infra.ceiling import Ceiling, CeilingArgs, limit_of
from infra.described import host_document
from infra.doubles import tell_doubles
from infra.host import Host, HostArgs
from infra.idle_alarm import IdleAlarm, IdleAlarmArgs
from infra.price import Price
from infra.refusal import refusals
from infra.storage import JobVolume, JobVolumeArgs
from infra.volumes import job_volume_tags
from provision.bundle import cloud_init
from provision.bundle.render import render
from provision.model.access import PUBLIC, SSM
from provision.model.host import BOX, VERSION
from provision.model.idle_alarm import window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cloud import Cloud
    from infra.network import Network
    from infra.peers import Peers
    from infra.placement import Placement
    from infra.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class BoxArgs:
    """What a `Box` is made of."""

    settings: Settings
    placement: Placement
    network: Network
    """Where to put it; it needs a subnet in the zone of the placement."""
    peers: Peers | None = None
    """How it reaches the other boxes of the stack; None: there are none."""


class Box(pulumi.ComponentResource):
    """A GPU box of one recipe. Several of them can share a network."""

    def __init__(self, name: str, args: BoxArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self.settings, size_gib = args.settings, args.placement.volume_plans[name].size_gib
        self.on_demand = args.placement.prices.instance
        """What an hour of the instance costs on demand; None: nobody says."""
        self.price = Price.of(self.settings, size_gib, args.placement.prices)
        self.limit = limit_of(self.settings, self.price)
        """How long it may run."""
        # Noted with the component, before anything is made: of a box that was refused, and of all others then, the
        # state still says what they are. The stack's outputs do not.
        super().__init__(BOX, name, {"document": {"version": VERSION, **self.described(args.placement.cloud)}}, opts)
        plan = args.placement.volume_plans[name]
        self.access = self._access(name, args)
        self.job_volume = self._job_volume(name, args)
        self.host = self._host(name, args)
        self._guard(name, args)
        pulumi.log.info(f"{name}: {args.settings.machine.name}, {self.price}", self)
        if plan.new_content and args.settings.looks_for_volumes:
            pulumi.log.info(f"{name}: its job volume is {plan.new_content}", self)
        if stopped := args.placement.stopped.get(name):
            pulumi.log.info(f"{name}: {stopped}", self)
        for warning in plan.warnings:
            pulumi.log.warn(f"{name}: {warning}", self)
        self.host.instance.tags.apply(self._tell_waiting)
        cloud = args.placement.cloud
        self.host.instance.id.apply(refusals()(lambda own: tell_doubles(name, own, cloud)))
        self.register_outputs({"address": self.address})

    @property
    def address(self) -> pulumi.Output[str]:
        """Where it is reached: at its public address, or within its network."""
        instance = self.host.instance
        return instance.public_ip if self.settings.access == PUBLIC else instance.private_ip

    def described(self, cloud: Cloud) -> dict[str, Any]:
        """Return the box's row of the description, as far as it is known before AWS makes anything."""
        return host_document(cloud, self.settings, self.on_demand, self.limit)

    def _access(self, name: str, args: BoxArgs) -> Access:
        wanted = AccessArgs(
            vpc_id=args.network.vpc_id,
            key_name=self._key_name(args.placement.cloud),
            public_key=args.settings.ssh_public_key,
            cidrs=args.settings.allowed_cidrs,
            ports=args.settings.doors,
            group=args.settings.bastion_group,
            session_manager=args.settings.access == SSM,
            partition=args.placement.cloud.partition,
            buckets=args.settings.s3_buckets,
            boundary=args.settings.permissions_boundary,
        )
        return Access(name, wanted, pulumi.ResourceOptions(parent=self))

    def _key_name(self, cloud: Cloud) -> str:
        """Return the name of the box's key pair, which no other stack of the account has."""
        return f"{pulumi.get_project()}-{pulumi.get_stack()}-{self.settings.host_name}-{cloud.identity.id}"

    def _job_volume(self, name: str, args: BoxArgs) -> JobVolume:
        wanted = JobVolumeArgs(
            plan=args.placement.volume_plans[name],
            on_destroy=args.settings.job_volume_on_destroy,
            tags=job_volume_tags(args.placement.cloud, name),
        )
        return JobVolume(f"{name}-jobs", wanted, pulumi.ResourceOptions(parent=self))

    def _host(self, name: str, args: BoxArgs) -> Host:
        zone = self.job_volume.volume.availability_zone
        wanted = HostArgs(
            ami=args.placement.ami,
            instance_type=args.settings.machine.name,
            # Where the volume is, not where a new one would be: a volume cannot follow the box.
            subnet_id=zone.apply(refusals()(args.network.subnet_in)),
            group_ids=[self.access.group.id, *([args.peers.group.id] if args.peers else [])],
            key_name=self._key_name(args.placement.cloud),
            profile=self.access.profile.name,
            user_data=self.job_volume.id.apply(refusals()(self._user_data)),
            volume_id=self.job_volume.id,
            root_gib=args.settings.root_volume_gib,
            birth=birth_tags(args.settings),
            generation=args.settings.generation,
            spot=args.settings.spot,
            spot_max_price=args.settings.spot_max_price,
            needs=[args.network, self.access],
        )
        return Host(name, wanted, pulumi.ResourceOptions(parent=self))

    def _tell_waiting(self, tags: Mapping[str, str] | None) -> None:
        """Say which settings wait for another box."""
        for change in waiting(tags or {}, self.settings):
            pulumi.log.warn(f"{self.settings.host_name}: {change}", self)

    def _guard(self, name: str, args: BoxArgs) -> None:
        """Have AWS itself stop the box: at its end, and where it has done nothing for long."""
        settings, cloud, parent = args.settings, args.placement.cloud, pulumi.ResourceOptions(parent=self)
        if self.limit.seconds() is not None:
            snapshot = settings.job_volume_on_destroy == "snapshot" and not args.placement.volume_plans[name].named
            wanted = CeilingArgs(
                cloud=cloud,
                instance=self.host.instance,
                instance_type=settings.machine.name,
                limit=self.limit,
                spot=settings.spot,
                volume_id=self.job_volume.id,
                snapshot_tags={**cloud.tags, **job_volume_tags(cloud, name)} if snapshot else None,
                boundary=settings.permissions_boundary,
            )
            Ceiling(f"{name}-ceiling", wanted, parent)
            verb = "terminates" if settings.spot else "stops"
            pulumi.log.info(f"{name}: AWS {verb} it {self.limit}", self)
        if minutes := window(settings.idle_stop_minutes):
            alarm = IdleAlarmArgs(
                partition=cloud.partition,
                region=cloud.region,
                instance_id=self.host.instance.id,
                vcpus=settings.machine.vcpus,
                minutes=minutes,
                spot=settings.spot,
            )
            IdleAlarm(f"{name}-idle", alarm, parent)

    def _user_data(self, volume_id: str) -> str:
        settings = self.settings
        target = settings.target(volume_id, lifetime_hours=self.limit.box_hours)
        bundle = render((settings.boot_recipe,), target, settings.catalogue)
        return base64.b64encode(cloud_init.user_data(bundle)).decode("ascii")
