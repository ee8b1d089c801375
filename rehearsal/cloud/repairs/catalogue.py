"""Images and the public parameters that name them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from moto.ec2.models.amis import Ami, AmiBackend
from moto.ssm.models import Parameter, ParameterDict

from rehearsal.cloud.hooks import intercept
from rehearsal.images import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable


@intercept(AmiBackend, "_load_amis")
def load_images(backend: Any, _: Callable[[], Any]) -> None:
    """Offer our images instead of the few hundred that moto brings, none of which can boot here."""
    for image in catalogue().values():
        ami = Ami(
            backend,
            image.id,
            name=image.name,
            description=image.description,
            owner_id=image.owner,
            owner_alias="amazon",
            public=True,
            virtualization_type="hvm",
            architecture="x86_64",
            creation_date=dt.datetime.fromisoformat(image.created),
            image_location=f"{image.owner}/{image.name}",
            hypervisor="xen",
            root_device_type="ebs",
            root_device_name=image.root_device,
            region_name=f"{backend.region_name}a",
        )
        ami.ebs_snapshot.volume.size = image.root_gib
        backend.amis[image.id] = ami


def _mappings(ami: Any) -> list[dict[str, Any]]:
    ebs = {
        "SnapshotId": ami.ebs_snapshot.id,
        "VolumeSize": ami.ebs_snapshot.volume.size,
        "DeleteOnTermination": True,
        "VolumeType": "gp3",
        "Encrypted": ami.ebs_snapshot.encrypted,
    }
    return [{"DeviceName": ami.root_device_name, "Ebs": ebs}]


Ami.block_device_mappings = property(_mappings)  # moto's has 15 GiB that outlive the instance, whatever the image


@intercept(ParameterDict, "_check_loading_status")
def load_parameters(parameters: Any, proceed: Callable[[], Any]) -> None:
    """Have the public parameters there; PutParameter refuses names below /aws."""
    proceed()
    for image in catalogue().values():
        for name in image.parameters:
            if not dict.__contains__(parameters, name):
                dict.__setitem__(parameters, name, [_parameter(parameters.account_id, name, image.id)])


def _parameter(account_id: str, name: str, image_id: str) -> Any:
    return Parameter(
        account_id=account_id,
        name=name,
        value=image_id,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=dt.datetime.fromisoformat(catalogue()[image_id].created),
        version=1,
        data_type="aws:ec2:image",
    )
