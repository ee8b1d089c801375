"""The AWS account and region that everything is made in: one explicit provider, and what only AWS can answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import os
import re
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
import pulumi_aws as aws

from provision.model import tags
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, InstanceType
from provision.model.prices import PRICE_LIST_REGIONS, PRICES_PROVIDER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    Filters = Mapping[str, Sequence[str]]
    """Names of EC2's own filters, each with the values that will do."""

MAX_RETRIES = 5
"""The provider's own 25 would repeat "no capacity" for many minutes before the user hears of it."""

Answer = TypeVar("Answer")


def stack_tags() -> dict[str, str]:
    """Return the tags of everything that this stack makes, by which it also finds its own snapshots again."""
    return {
        tags.PROJECT: pulumi.get_project(),
        tags.STACK: pulumi.get_stack(),
        tags.MANAGED_BY: "pulumi",
    }


def tagged(wanted: Mapping[str, str]) -> dict[str, list[str]]:
    """Return EC2's filters for what carries these tags."""
    return {f"tag:{key}": [wanted[key]] for key in sorted(wanted)}


def _filters(wanted: Filters) -> list[dict[str, object]]:
    """Return filters as every look-up takes them."""
    return [{"name": name, "values": values} for name, values in wanted.items()]


def _asked(provider: aws.Provider, question: Callable[..., Answer], wrong: str, arguments: Mapping[str, Any]) -> Answer:
    try:
        return question(**arguments, opts=pulumi.InvokeOptions(provider=provider))
    except Exception as error:  # the SDK raises no narrower class for a failed invoke
        raise BadInput([f"{wrong}: {str(error).rpartition('api error ')[2]}"]) from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Volume:
    """An EBS volume that AWS has."""

    id: str
    zone: str
    size_gib: int
    source: str
    """The snapshot that it was made from; "" for one that began blank."""
    tags: Mapping[str, str]

    def __str__(self) -> str:
        """Return it as a message names it."""
        return f"{self.id} ({self.size_gib} GiB, {self.zone})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot that AWS has."""

    id: str
    state: str
    """"completed", "pending" or "error"."""
    size_gib: int
    """Of the volume that it was taken of: one made from it cannot be smaller."""
    tags: Mapping[str, str]


class Cloud:
    """An AWS region through one explicit provider: of `aws:region` and `aws:profile`, else of the environment."""

    def __init__(self) -> None:
        config = pulumi.Config("aws")
        environment = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
        self.region = config.get("region") or environment
        """As the AWS provider reads it; empty where neither says, which `load_settings` refuses."""
        self.profile = config.get("profile")

    @functools.cached_property
    def provider(self) -> aws.Provider:
        """The provider of every resource; made when first needed, so that wrong settings need no AWS to be refused."""
        return aws.Provider(
            "aws",
            region=self.region,
            profile=self.profile,
            default_tags=aws.ProviderDefaultTagsArgs(tags=stack_tags()),
            # Set beside what the program declares of a resource; without this a refresh and an update would take
            # them off again: `fab` keeps the hours of a box in the one, `infra.host` notes in the other.
            ignore_tags=aws.ProviderIgnoreTagsArgs(keys=[tags.UPTIME, tags.ATTACHED]),
            max_retries=MAX_RETRIES,
        )

    @property
    def options(self) -> pulumi.ResourceOptions:
        """The options of a top-level component."""
        return pulumi.ResourceOptions(providers=[self.provider])

    def ask(self, question: Callable[..., Answer], wrong: str, **arguments: Any) -> Answer:
        """Return the answer of a pulumi_aws look-up. Raises `BadInput` that begins with `wrong` when AWS has none."""
        return _asked(self.provider, question, wrong, arguments)

    def ask_prices(self, question: Callable[..., Answer], wrong: str, **arguments: Any) -> Answer:
        """Ask as `ask` does, in the region where AWS tells the prices of all: its Price List has no other address."""
        return _asked(self._pricing, question, wrong, arguments)

    @functools.cached_property
    def _pricing(self) -> aws.Provider:
        if self.region in PRICE_LIST_REGIONS:
            return self.provider
        region = PRICE_LIST_REGIONS[0]
        return aws.Provider(PRICES_PROVIDER, region=region, profile=self.profile, max_retries=MAX_RETRIES)

    def instance_type(self, name: str) -> InstanceType:
        """Return a type that the table does not know, as EC2 describes it. Raises `BadInput` if EC2 has none."""
        wrong = f'gpurig:instanceType: "{name}" is no instance type that EC2 describes in {self.region}'
        found = self.ask(aws.ec2.get_instance_type, wrong, instance_type=name)
        gpus = [gpu for gpu in found.gpuses if gpu.count]
        return InstanceType(
            name=name,
            gpu=gpus[0].name if gpus else NO_GPU,
            gpus=sum(gpu.count for gpu in gpus),
            vcpus=found.default_vcpus,
            memory_gib=found.memory_size // 1024,
        )

    @functools.cached_property
    def _caller(self) -> Any:
        return self.ask(aws.get_caller_identity, "AWS account")

    @property
    def account(self) -> str:
        """The number of the account that everything is made in."""
        number: str = self._caller.account_id
        return number

    @property
    def partition(self) -> str:
        """What ARNs begin with after "arn": aws, aws-cn or aws-us-gov."""
        name: str = self._caller.arn.split(":")[1]
        return name

    def launched(self, instance_id: str) -> float | None:
        """Return when an instance was started last, seconds of UTC; None where EC2 does not tell."""
        try:
            found = self.ask(aws.ec2.get_instance, f'instance "{instance_id}"', instance_id=instance_id)
        except BadInput:
            return None  # it was terminated by hand, say: that is for the engine to find out
        return dt.datetime.fromisoformat(found.launch_time).timestamp()

    def zones(self) -> list[str]:
        """Return the availability zones of the region, without local and wavelength zones."""
        found = self.ask(aws.get_availability_zones, "availability zones", state="available")
        return sorted(name for name in found.names if re.fullmatch(f"{re.escape(self.region)}[a-z]", name))

    def zones_with(self, instance_type: str) -> set[str]:
        """Return the availability zones that offer an instance type."""
        found = self.ask(
            aws.ec2.get_instance_type_offerings,
            f'gpurig:instanceType: "{instance_type}"',
            location_type="availability-zone",
            filters=_filters({"instance-type": [instance_type]}),
        )
        return set(found.locations)

    def snapshots(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the account's snapshots with these tags, completed or pending, the newest first."""
        wanted = {"status": ["completed", "pending"], **tagged(tags)}
        found = self.ask(aws.ebs.get_snapshot_ids, "snapshots", owners=["self"], filters=_filters(wanted))
        return list(found.ids)

    def those_left(self, snapshots: Collection[str]) -> list[str]:
        """Return those of the account's snapshots of these ids that are there, completed."""
        wanted = {"status": ["completed"], "snapshot-id": sorted(snapshots)}
        if not snapshots:
            return []
        return list(self.ask(aws.ebs.get_snapshot_ids, "snapshots", owners=["self"], filters=_filters(wanted)).ids)

    def snapshot(self, snapshot_id: str, wrong: str) -> Snapshot:
        """Return a snapshot. Raises `BadInput` that begins with `wrong` when there is none."""
        found = self.ask(aws.ebs.get_snapshot, wrong, snapshot_ids=[snapshot_id])
        return Snapshot(id=snapshot_id, state=found.state, size_gib=found.volume_size, tags=found.tags)

    def volumes(self, filters: Filters) -> list[Volume]:
        """Return the volumes of the region that are there to stay and match."""
        wanted = {"status": ["creating", "available", "in-use"], **filters}
        found = self.ask(aws.ebs.get_ebs_volumes, "volumes", filters=_filters(wanted))
        return [self._volume(volume_id) for volume_id in sorted(found.ids)]

    def never_attached(self, volumes: Sequence[Volume]) -> list[Volume]:
        """Return those of the volumes that are surely as they were made: attached to nothing, now or ever."""
        noted = [volume.id for volume in volumes if volume.tags.get(tags.NOTED) == tags.AS_A_TAG]
        if not noted:
            return []
        free = {volume.id for volume in self.volumes({"volume-id": noted, "status": ["available"]})}
        # By a filter: what the provider ignores is in none of its answers.
        used = {volume.id for volume in self.volumes({"volume-id": noted, "tag-key": [tags.ATTACHED]})}
        return [volume for volume in volumes if volume.id in free - used]

    def _volume(self, volume_id: str) -> Volume:
        filters = _filters({"volume-id": [volume_id]})
        found = self.ask(aws.ebs.get_volume, f'volume "{volume_id}"', filters=filters)
        return Volume(
            id=volume_id,
            zone=found.availability_zone,
            size_gib=found.size,
            source=found.snapshot_id or "",
            tags=found.tags,
        )

    def instances(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the instances with these tags that are not terminated."""
        return self._instances(tagged(tags), "pending", "running", "stopping", "stopped", "shutting-down")

    def alive(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the instances with these tags that run, are stopped, or come to be so."""
        return self._instances(tagged(tags), "pending", "running", "stopping", "stopped")

    def stopped(self, tags: Mapping[str, str], *, instance_type: str = "") -> list[str]:
        """Return the ids of the instances with these tags, and of this type if one is given, that are stopped."""
        wanted = {"instance-type": [instance_type]} if instance_type else {}
        return self._instances({**tagged(tags), **wanted}, "stopping", "stopped")

    def _instances(self, wanted: Filters, *states: str) -> list[str]:
        filters = _filters(wanted)
        return list(self.ask(aws.ec2.get_instances, "instances", filters=filters, instance_state_names=states).ids)
