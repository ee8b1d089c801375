"""Find the machine image: by its id, by its publisher's SSM parameter, by owner and name, or by what is baked in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from provision.bundle import baked
from provision.model import tags
from provision.model.errors import BadInput
from provision.model.platforms import BAKED, images

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.cloud import Cloud
    from infra.settings import Settings


def find_image(cloud: Cloud, settings: Settings) -> str:
    """Return the AMI id of the image that the settings name, the newest of it.

    Raises `BadInput` when AWS does not know it in this region, and for a baked one that is stale or too large.
    """
    if settings.image == BAKED:
        return _find_baked(cloud, settings)
    image = images().get(settings.image)
    if image is None:
        return settings.image
    wrong = f'gpurig:image: "{image.name}" is not to be had in {cloud.region}'
    if image.parameter:
        return cloud.ask(aws.ssm.get_parameter, wrong, name=image.parameter).value
    # The owner is checked, not the name alone: anybody may publish an image under any name.
    return _newest(cloud, wrong, image.owner, {"name": image.pattern}).id


def _newest(cloud: Cloud, wrong: str, owner: str, having: Mapping[str, str]) -> aws.ec2.GetAmiResult:
    filters = [
        aws.ec2.GetAmiFilterArgs(name=name, values=[value]) for name, value in {**having, "state": "available"}.items()
    ]
    return cloud.ask(aws.ec2.get_ami, wrong, most_recent=True, owners=[owner], filters=filters)


def _find_baked(cloud: Cloud, settings: Settings) -> str:
    """Return the newest image of the project's own that has the recipe as it is rendered now."""
    wanted = baked.digest(settings.recipe, settings.target(), settings.catalogue)
    having = {
        f"tag:{tags.PROJECT}": pulumi.get_project(),
        # Whatever is in an image is root on the box: another person's is none to take unasked.
        f"tag:{tags.MADE_BY}": cloud.identity.made_by,
        f"tag:{tags.RECIPE}": settings.recipe,
        f"tag:{tags.IMAGE}": settings.system.name,
    }
    system, recipe = settings.system.name, settings.recipe
    wrong = f'gpurig:image: there is no baked image of "{recipe}" on {system} in {cloud.region}'
    otherwise = f"pulumi config set gpurig:image {system} && pulumi config rm gpurig:imageOs"
    try:
        found = _newest(cloud, wrong, "self", {**having, f"tag:{tags.DIGEST}": wanted})
    except BadInput:
        hint = f"make one of a box that is set up: fab bake; to begin without: {otherwise}"
        try:
            stale = _newest(cloud, wrong, "self", having)
        except BadInput as error:
            problems = [wrong] if "returned no results" in str(error) else error.problems
            raise BadInput([*problems, *_of_others(cloud, having)], hint=hint) from error
        made = stale.tags.get(tags.DIGEST, "unknown")
        message = f'gpurig:image: the baked image {stale.id} is stale: "{recipe}" in it is {made[:12]}'
        again = f"make it again on a box of this stack: fab setup-{recipe} && fab bake; or begin without: {otherwise}"
        raise BadInput([f"{message}, and would be {wanted[:12]} now"], hint=again) from None
    least = int(found.tags.get(tags.ROOT_GIB, "0"))
    if settings.root_volume_gib < least:
        wrong = f"{settings.root_volume_gib} GiB cannot hold the baked image {found.id}, which was made of {least}"
        raise BadInput([f"gpurig:rootVolumeGib: {wrong}: pulumi config set gpurig:rootVolumeGib {least}"])
    return found.id


def _of_others(cloud: Cloud, having: Mapping[str, str]) -> list[str]:
    """Return the image that somebody else made, where there is one."""
    theirs = {key: value for key, value in having.items() if key != f"tag:{tags.MADE_BY}"}
    try:
        found = _newest(cloud, "image", "self", theirs)
    except BadInput:
        return []
    maker = found.tags.get(tags.MADE_BY, "nobody knows who")
    way = f"to have it all the same: pulumi config set gpurig:image {found.id}"
    return [f"gpurig:image: {found.id} is, and {maker} made it: whatever is in it would be root on your box; {way}"]
