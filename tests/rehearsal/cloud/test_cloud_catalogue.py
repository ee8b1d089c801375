"""Images and public parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from rehearsal.errors import RehearsalError
from rehearsal.images import catalogue, root_of
from tests.kit.cloud import UBUNTU

if TYPE_CHECKING:
    from rehearsal.cloud.handle import Cloud

BASE = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id"
PYTORCH = "/aws/service/deeplearning/ami/x86_64/oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04/latest/ami-id"
CANONICAL = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"


@pytest.mark.parametrize(
    ("name", "owner", "root"),
    [
        (CANONICAL, "099720109477", "ubuntu-22.04"),
        (BASE, "898082745236", "ubuntu-22.04"),
        (PYTORCH, "898082745236", "ubuntu-24.04"),
    ],
)
def test_a_public_parameter_names_an_image_that_boots(cloud: Cloud, name: str, owner: str, root: str) -> None:
    parameter = cloud.client("ssm").get_parameter(Name=name)["Parameter"]
    image = cloud.client("ec2").describe_images(ImageIds=[parameter["Value"]])["Images"][0]
    assert (parameter["Type"], parameter["DataType"]) == ("String", "aws:ec2:image")
    assert (image["OwnerId"], image["State"], image["Architecture"]) == (owner, "available", "x86_64")
    assert root_of(image["ImageId"]) == root


def test_parameters_are_listed_by_their_path_and_strangers_are_not_there(cloud: Cloud) -> None:
    ssm = cloud.client("ssm")
    found = ssm.get_parameters_by_path(Path="/aws/service/deeplearning", Recursive=True)["Parameters"]
    assert sorted(one["Name"] for one in found) == sorted([BASE, PYTORCH])
    with pytest.raises(ClientError, match="ParameterNotFound"):
        ssm.get_parameter(Name="/aws/service/canonical/ubuntu/server/12.04/ami-id")


def test_the_newest_of_two_dated_images_is_the_parameters(cloud: Cloud) -> None:
    names = [{"Name": "name", "Values": ["ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"]}]
    images = cloud.client("ec2").describe_images(Owners=["099720109477"], Filters=names)["Images"]
    dated = sorted(images, key=lambda image: str(image["CreationDate"]))
    assert len(dated) == 2
    assert dated[-1]["ImageId"] == UBUNTU
    assert dated[-1]["CreationDate"] == "2026-09-01T00:00:00.000Z"


def test_images_are_ours_alone_and_show_their_root_volume(cloud: Cloud) -> None:
    images = cloud.client("ec2").describe_images()["Images"]
    assert {image["ImageId"] for image in images} == set(catalogue())
    for image in images:
        (root,) = image["BlockDeviceMappings"]
        assert root["DeviceName"] == image["RootDeviceName"]
        assert root["Ebs"]["VolumeSize"] == catalogue()[image["ImageId"]].root_gib
        assert root["Ebs"]["DeleteOnTermination"] is True


def test_debian_and_strangers_by_their_root() -> None:
    assert root_of("ami-0de12000020260904") == "debian-12"
    with pytest.raises(RehearsalError, match="no image ami-1: the rehearsal cloud has ami-0a22"):
        root_of("ami-1")


def test_other_regions_have_the_images_too(cloud: Cloud) -> None:
    import boto3

    elsewhere = boto3.client(
        "ec2",
        region_name="eu-central-1",
        endpoint_url=cloud.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert {image["ImageId"] for image in elsewhere.describe_images()["Images"]} == set(catalogue())
