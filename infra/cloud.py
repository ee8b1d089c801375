"""The AWS account and region that everything is made in: one explicit provider, and what only AWS can answer."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, TypeVar

import pulumi
import pulumi_aws as aws

from provision.errors import BadInput
from provision.platforms import NO_GPU, InstanceType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.settings import Account

MAX_RETRIES = 5
"""The provider's own 25 would repeat "no capacity" for many minutes before the user hears of it."""

Answer = TypeVar("Answer")


def stack_tags() -> dict[str, str]:
    """Return the tags of everything that this stack makes, by which it also finds its own snapshots again."""
    return {
        "gpurig:project": pulumi.get_project(),
        "gpurig:stack": pulumi.get_stack(),
        "gpurig:managed-by": "pulumi",
    }


class Cloud:
    """An AWS region through one explicit provider."""

    def __init__(self, account: Account) -> None:
        self.region = account.region
        self.profile = account.profile

    @functools.cached_property
    def provider(self) -> aws.Provider:
        """The provider of every resource; made when first needed, so that wrong settings need no AWS to be refused."""
        return aws.Provider(
            "aws",
            region=self.region,
            profile=self.profile,
            default_tags=aws.ProviderDefaultTagsArgs(tags=stack_tags()),
            max_retries=MAX_RETRIES,
        )

    @property
    def options(self) -> pulumi.ResourceOptions:
        """The options of a top-level component."""
        return pulumi.ResourceOptions(providers=[self.provider])

    def ask(self, question: Callable[..., Answer], wrong: str, **arguments: Any) -> Answer:
        """Return the answer of a pulumi_aws look-up. Raises `BadInput` that begins with `wrong` when AWS has none."""
        try:
            return question(**arguments, opts=pulumi.InvokeOptions(provider=self.provider))
        except Exception as error:  # the SDK raises no narrower class for a failed invoke
            raise BadInput([f"{wrong}: {str(error).rpartition('api error ')[2]}"]) from error

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
            filters=[aws.ec2.GetInstanceTypeOfferingsFilterArgs(name="instance-type", values=[instance_type])],
        )
        return set(found.locations)

    def snapshots(self, tags: Mapping[str, str]) -> list[str]:
        """Return the ids of the account's completed snapshots with these tags, the newest first."""
        filters = [aws.ebs.GetSnapshotIdsFilterArgs(name="status", values=["completed"])]
        filters += [aws.ebs.GetSnapshotIdsFilterArgs(name=f"tag:{key}", values=[tags[key]]) for key in sorted(tags)]
        return list(self.ask(aws.ebs.get_snapshot_ids, "snapshots", owners=["self"], filters=filters).ids)
