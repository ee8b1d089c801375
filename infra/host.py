"""The box: an EC2 instance with the job volume attached."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from infra.birth import KEPT
from provision.model import tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEVICE = "/dev/sdf"
"""The name that EC2 asks for. The box itself finds the volume by its serial: NVMe disks come up in any order."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostArgs:
    """What a `Host` is made of."""

    ami: str
    instance_type: str
    subnet_id: pulumi.Input[str]
    group_ids: Sequence[pulumi.Input[str]]
    """Its security groups: another list changes a box that is there, and makes no other one."""
    key_name: pulumi.Input[str]
    profile: pulumi.Input[str]
    user_data: pulumi.Input[str]
    """base64."""
    volume_id: pulumi.Input[str]
    root_gib: int
    birth: Mapping[str, str]
    """Tags that say what the box is made with (`infra.birth`)."""
    generation: int = 1
    """Another number makes another box, from the newest image."""
    spot: bool = False
    spot_max_price: float | None = None
    """USD per hour; None: up to the on-demand price."""
    needs: Sequence[pulumi.Resource] = ()
    """What has to be there before the first boot (routes, rules), and has to stay until the box is gone."""


class Host(pulumi.ComponentResource):
    """One GPU box, on demand or one-time spot."""

    def __init__(self, name: str, args: HostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gpurig:infra:Host", name, None, opts)
        self.instance = self._instance(name, args)
        # First the note that the volume may hold jobs from now on, then the attachment that makes it so. It stays for
        # good, whatever becomes of this stack: `Cloud.never_attached` takes a volume without it for one to throw away.
        noted = aws.ec2.Tag(
            f"{name}-jobs",
            resource_id=args.volume_id,
            key=tags.ATTACHED,
            value="yes",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.instance], retain_on_delete=True),
        )
        # A box in use cannot let go of a mounted volume: it is stopped first. A spot box cannot be stopped; it keeps
        # the volume until it is terminated, which unmounts it as well.
        aws.ec2.VolumeAttachment(
            f"{name}-jobs",
            device_name=_DEVICE,
            instance_id=self.instance.id,
            volume_id=args.volume_id,
            stop_instance_before_detaching=not args.spot,
            skip_destroy=args.spot,
            # A volume is attached to one instance at a time: off the old box first, then on the new one.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[noted], delete_before_replace=True),
        )
        self.register_outputs({"instance_id": self.instance.id})

    def _instance(self, name: str, args: HostArgs) -> aws.ec2.Instance:
        return aws.ec2.Instance(
            # The generation is part of the name, not a mere trigger to replace: a resource that is replaced under its
            # name keeps what ignore_changes protects, and would come back with the old image.
            f"{name}-g{args.generation}",
            ami=args.ami,
            instance_type=args.instance_type,
            # No word on a public address, which comes from the subnet: the provider reads it from the network interface
            # of the box, where a stopped one has none, and what differs from the argument would replace the box.
            subnet_id=args.subnet_id,
            vpc_security_group_ids=list(args.group_ids),
            key_name=args.key_name,
            iam_instance_profile=args.profile,
            user_data_base64=args.user_data,
            # Tokens only (IMDSv2), and only for the box itself: a container or a forwarded request is one hop too far.
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=args.root_gib,
                encrypted=True,
                delete_on_termination=True,
                tags={tags.NAME: f"{name}-root"},
            ),
            instance_initiated_shutdown_behavior="terminate" if args.spot else "stop",
            instance_market_options=_spot(args) if args.spot else None,
            tags={tags.NAME: name, tags.HOST: name, tags.GENERATION: str(args.generation), **args.birth},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=args.needs,
                # A newer image or another rendering never replaces a box that is in use; `generation` does. Nor does
                # the name of a key pair, which earlier versions left to Pulumi.
                ignore_changes=["ami", "userDataBase64", "keyName", *KEPT],
                # A quota for one GPU box has no room for two.
                delete_before_replace=True,
            ),
        )


def _spot(args: HostArgs) -> aws.ec2.InstanceInstanceMarketOptionsArgs:
    # One-time: a persistent request would start the box again after it was destroyed.
    return aws.ec2.InstanceInstanceMarketOptionsArgs(
        market_type="spot",
        spot_options=aws.ec2.InstanceInstanceMarketOptionsSpotOptionsArgs(
            spot_instance_type="one-time",
            instance_interruption_behavior="terminate",
            # As EC2 tells it: the provider compares texts, and another text than "1.000000" would replace the box.
            max_price=None if args.spot_max_price is None else f"{args.spot_max_price:.6f}",
        ),
    )
