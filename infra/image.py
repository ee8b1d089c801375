"""Find the machine image: by its id, by the SSM public parameter of its publisher, or by owner and name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

from provision.platforms import images

if TYPE_CHECKING:
    from infra.cloud import Cloud


def find_image(cloud: Cloud, name: str) -> str:
    """Return the AMI id of an image of `platforms.toml`, the newest of it, or `name` where it is an id already.

    Raises `BadInput` when AWS does not know it in this region.
    """
    image = images().get(name)
    if image is None:
        return name
    wrong = f'gpurig:image: "{name}" is not to be had in {cloud.region}'
    if image.parameter:
        return cloud.ask(aws.ssm.get_parameter, wrong, name=image.parameter).value
    filters = [
        aws.ec2.GetAmiFilterArgs(name="name", values=[image.pattern]),
        aws.ec2.GetAmiFilterArgs(name="state", values=["available"]),
    ]
    # The owner is checked, not the name alone: anybody may publish an image under any name.
    return cloud.ask(aws.ec2.get_ami, wrong, most_recent=True, owners=[image.owner], filters=filters).id
