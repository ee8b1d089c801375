"""`image: baked`: the newest image of the project that has the recipe as it is now, and no other."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from provision.bundle import baked
from provision.model.target import Target
from tests.infra import lab
from tests.infra.aws import ME, Aws, NotAnswered
from tests.infra.lab import GOOD, LICENCES, run

BAKED = {**GOOD, "gpurig:image": "baked", "gpurig:imageOs": "ubuntu-22.04"}
TARGET = Target(gpu="T4", compute="7.5", licences=tuple(LICENCES.split(",")))
"""The box that the default instance type is."""


@dataclasses.dataclass(kw_only=True)
class AwsWithImages(Aws):
    """An account with images of its own."""

    images: tuple[dict[str, Any], ...] = ()

    def _getAmi(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the look-up's own name
        assert (args["owners"], args["mostRecent"]) == (["self"], True)
        wanted = {part["name"]: part["values"] for part in args["filters"]}
        fits = [
            image
            for image in self.images
            if all(image.get(name, image["tags"].get(name.removeprefix("tag:"))) in wanted[name] for name in wanted)
        ]
        if not fits:
            raise NotAnswered("Your query returned no results. Please change your search criteria and try again.")
        return max(fits, key=lambda image: str(image["creationDate"]))


def image(id_: str, day: int, **changes: str) -> dict[str, Any]:
    """Return an image of the stack's default recipe as `fab bake` makes it."""
    tags = {
        "gpurig:project": "gpurig",
        "gpurig:stack": "another",
        "gpurig:made-by": ME,
        "gpurig:recipe": "digits",
        "gpurig:image": "ubuntu-22.04",
        "gpurig:digest": baked.digest("digits", TARGET),
        "gpurig:root-gib": "100",
    }
    changed = {f"gpurig:{key}": value for key, value in changes.items() if key != "state"}
    state = changes.get("state", "available")
    return {"id": id_, "creationDate": f"2026-11-{day:02}", "state": state, "tags": {**tags, **changed}}


def refused(*images: dict[str, Any], **changes: str) -> str:
    """Return the message of a run that wants a baked image of an account with these."""
    return lab.refused({**BAKED, **changes}, aws=AwsWithImages(images=images))


def test_the_box_is_made_of_the_newest_image_that_fits() -> None:
    images = (
        image("ami-old", 1),
        image("ami-new", 3),
        image("ami-older", 2),
        image("ami-stale", 9, digest="0" * 64),
        image("ami-of-another-project", 9, project="other"),
        image("ami-of-another-recipe", 9, recipe="pytorch"),
        image("ami-of-another-system", 9, image="debian-12"),
        image("ami-in-the-making", 9, state="pending"),
    )
    assert run(BAKED, aws=AwsWithImages(images=images)).only("Instance").inputs["ami"] == "ami-new"


@pytest.mark.parametrize(
    "limits",
    [
        {"idleStopMinutes": "5", "busy": '{"run": 1}', "busyProbe": "exit 1", "beforeStop": "~/save.sh"},
        {"maxHours": "3"},
        {"jobVolumeGib": "7"},
    ],
)
def test_what_each_box_gets_anew_makes_no_image_stale(limits: dict[str, str]) -> None:
    config = {**BAKED, **{f"gpurig:{key}": value for key, value in limits.items()}}
    assert run(config, aws=AwsWithImages(images=(image("ami-1", 1),))).only("Instance").inputs["ami"] == "ami-1"


def test_a_stale_one_is_refused_with_both_digests_and_the_way_out() -> None:
    message = refused(image("ami-1", 1), image("ami-2", 2), instanceType="g5.xlarge")
    now = baked.digest("digits", dataclasses.replace(TARGET, gpu="A10G", compute="8.6"))
    made = baked.digest("digits", TARGET)
    assert made != now
    assert f'the baked image ami-2 is stale: "digits" in it is {made[:12]}, and would be {now[:12]} now' in message
    assert "fab setup-digits && fab bake" in message
    assert "pulumi config set gpurig:image ubuntu-22.04 && pulumi config rm gpurig:imageOs" in message


def test_none_is_refused_with_the_way_out() -> None:
    message = refused(image("ami-1", 1, project="other"))
    assert 'there is no baked image of "digits" on ubuntu-22.04 in us-east-1\n' in message
    assert "fab bake" in message
    assert "returned no results" not in message


def test_a_root_volume_that_cannot_hold_it_is_refused() -> None:
    message = refused(image("ami-1", 1, **{"root-gib": "120"}))
    assert "100 GiB cannot hold the baked image ami-1, which was made of 120" in message
    assert "pulumi config set gpurig:rootVolumeGib 120" in message


def test_an_image_that_somebody_else_made_is_named_and_not_taken() -> None:
    theirs = image("ami-theirs", 9, **{"made-by": "arn:aws:iam::123456789012:user/eve"})
    said = refused(theirs)
    assert "ami-theirs is, and arn:aws:iam::123456789012:user/eve made it" in said
    assert "pulumi config set gpurig:image ami-theirs" in said
    mine = image("ami-mine", 1)
    assert run(BAKED, aws=AwsWithImages(images=(theirs, mine))).only("Instance").inputs["ami"] == "ami-mine"
