"""Make a machine image of a box: its root volume as it is, with tags that say what is installed on it."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, Self

from provision.aws import instances
from provision.aws.clients import aws_errors, client_of, tag_filters
from provision.model.errors import BadInput, GpurigError
from provision.model.tags import DIGEST, IMAGE, MADE_BY, NAME, PROJECT, RECIPE, ROOT_GIB, STACK, STACK_ID, of_the_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.model.host import Host
    from provision.screen.progress import View

POLL_SECONDS = 2
_OF_STACK = (PROJECT, STACK, STACK_ID)
ALIVE = ("pending", "running", "shutting-down", "stopping", "stopped")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """A machine image of the account."""

    id: str
    name: str
    at: str
    """When it was made, ISO 8601."""
    state: str
    """available, pending, failed, or what EC2 calls an image that comes or goes."""
    why: str
    """Why it failed, in EC2's words."""
    source: str
    """The instance that it was made of."""
    snapshots: tuple[str, ...]
    tags: Mapping[str, str]

    @classmethod
    def from_aws(cls, row: Mapping[str, Any]) -> Self:
        """Read what EC2 says of an image."""
        disks = (mapping.get("Ebs", {}).get("SnapshotId") for mapping in row.get("BlockDeviceMappings", ()))
        return cls(
            id=row["ImageId"],
            name=row["Name"],
            at=row["CreationDate"],
            state=row["State"],
            why=row.get("StateReason", {}).get("Message", ""),
            source=row.get("SourceInstanceId", ""),
            snapshots=tuple(filter(None, disks)),
            tags={tag["Key"]: tag["Value"] for tag in row.get("Tags", ())},
        )

    def __str__(self) -> str:
        """Return the image as messages name it."""
        return f"{self.id} of {self.at[:10]}"


class Bakery:
    """The images of one host's stack and recipe.

    Raises `BadInput` for a host that is no EC2 instance of a stack, `GpurigError` where EC2 does not answer.
    """

    def __init__(self, host: Host) -> None:
        if not host.instance_id or host.target is None:
            hint = "a machine of your own needs none: `fab setup` installs on it what another one has"
            raise BadInput([f"{host} is no EC2 instance of a stack: there is no image to make of it"], hint=hint)
        self.host = host
        self.ec2 = client_of(host)
        with aws_errors(f"cannot ask EC2 about {host.instance_id} of {host}"):
            found = self.ec2.describe_instances(InstanceIds=[host.instance_id])
            self.instance = found["Reservations"][0]["Instances"][0]
        tags = {tag["Key"]: tag["Value"] for tag in self.instance.get("Tags", ())}
        if missing := [key for key in _OF_STACK if key not in tags]:
            message = f"{host.instance_id} of {host} has lost its tags {', '.join(missing)}"
            raise GpurigError(
                f"{message}, which tell whose image it is", hint="pulumi refresh && pulumi up puts them back"
            )
        self.identity = {
            **{key: tags[key] for key in _OF_STACK},
            IMAGE: host.target.image,
            RECIPE: host.recipe,
        }
        self.carried = {**of_the_user(tags), **{key: tags[key] for key in (MADE_BY,) if key in tags}}

    def images(self) -> list[Image]:
        """Return the images of this stack and recipe, the newest first."""
        with aws_errors("cannot ask EC2 for the images of this stack"):
            rows = self.ec2.describe_images(Owners=["self"], Filters=tag_filters(self.identity))["Images"]
        return sorted(map(Image.from_aws, rows), key=lambda image: (image.at, image.id), reverse=True)

    def begin(self, digest: str) -> tuple[Image, int]:
        """Begin to make an image, or find the one that is being made; returns it and the GiB that its root volume has.

        The box runs on: what is on its disk by now is in the image.
        """
        root = self.instance["RootDeviceName"]
        disks = {disk["DeviceName"]: disk["Ebs"]["VolumeId"] for disk in self.instance["BlockDeviceMappings"]}
        with aws_errors(f"cannot ask EC2 about {disks[root]}, the root volume of {self.host}"):
            gib = self.ec2.describe_volumes(VolumeIds=[disks[root]])["Volumes"][0]["Size"]
        for image in self.images():
            mine = image.source == self.host.instance_id and image.tags.get(DIGEST) == digest
            if mine and image.state == "pending":
                return image, gib
        said = (self.identity[key] for key in (PROJECT, STACK, STACK_ID, RECIPE))
        name = "-".join([*said, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())])
        tags = {NAME: name, **self.carried, **self.identity, DIGEST: digest, ROOT_GIB: str(gib)}
        self._create(name, tags, [device for device in disks if device != root])
        return self._named(name), gib

    def _create(self, name: str, tags: Mapping[str, str], others: list[str]) -> None:
        rows = [{"Key": key, "Value": value} for key, value in tags.items()]
        with aws_errors(f"EC2 made no image of {self.host.instance_id}"):
            self.ec2.create_image(
                InstanceId=self.host.instance_id,
                Name=name,
                Description=f"gpurig: {self.host.recipe} on {self.identity[IMAGE]}",
                NoReboot=True,
                # Without this the job volume would be in it, and be paid for twice.
                BlockDeviceMappings=[{"DeviceName": device, "NoDevice": ""} for device in others],
                TagSpecifications=[{"ResourceType": kind, "Tags": rows} for kind in ("image", "snapshot")],
            )

    def _named(self, name: str) -> Image:
        """Return a new image. EC2 shows what it has made after a moment."""
        deadline = time.monotonic() + 60
        while not (found := [image for image in self.images() if image.name == name]):
            if time.monotonic() > deadline:
                raise GpurigError(f"EC2 has begun to make the image {name} and does not list it", hint="fab bake again")
            time.sleep(POLL_SECONDS)
        return found[0]

    def finish(self, image: Image, out: View) -> None:
        """Return when an image can be used; `out` shows how far EC2 is. Raises `GpurigError` when it failed."""
        while image.state == "pending":
            out.now(f"{image.id}: EC2 copies the root volume{self._percent(image)}")
            time.sleep(POLL_SECONDS)
            image = self._named(image.name)
        if image.state != "available":
            message = f"{image.id} of {self.host} is {image.state}: {image.why or 'EC2 does not say why'}"
            raise GpurigError(message, hint="fab bake again; it takes this one away")

    def _percent(self, image: Image) -> str:
        if not image.snapshots:
            return ""
        with aws_errors(f"cannot ask EC2 about the snapshots of {image.id}"):
            rows = self.ec2.describe_snapshots(SnapshotIds=list(image.snapshots))["Snapshots"]
        return f", {rows[0]['Progress']}" if rows and rows[0].get("Progress") else ""

    def prune(self, keep: int) -> tuple[list[Image], list[Image]]:
        """Remove all but the `keep` newest images and those that failed, with their snapshots.

        Returns what was removed, and what would have been, did not an instance use it.
        """
        images = self.images()
        usable = [image for image in images if image.state == "available"]
        old = [*usable[keep:], *(image for image in images if image.state == "failed")]
        used = self._used(old)
        gone = [image for image in old if image.id not in used]
        for image in gone:
            with aws_errors(f"the new image is ready, and the old one {image.id} was not removed"):
                self.ec2.deregister_image(ImageId=image.id)
            for snapshot in image.snapshots:
                # Nothing of gpurig finds it again without its image.
                way = f"aws ec2 delete-snapshot --snapshot-id {snapshot}"
                with aws_errors(f"{image.id} is removed, and its snapshot goes on costing money ({way})"):
                    self.ec2.delete_snapshot(SnapshotId=snapshot)
        return gone, [image for image in old if image.id in used]

    def _used(self, images: list[Image]) -> set[str]:
        """Return the ids of those that an instance of the account was made from."""
        if not images:
            return set()
        filters = [
            {"Name": "image-id", "Values": [image.id for image in images]},
            {"Name": "instance-state-name", "Values": list(ALIVE)},
        ]
        with aws_errors("cannot ask EC2 which images are in use"):
            return {row["ImageId"] for row in instances.rows(self.ec2, filters)}
