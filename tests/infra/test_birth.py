"""A box keeps the image, the user and the mount point that it was made with: what outputs and preview then say."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from provision.model.host import Host
from tests.infra.aws import Aws
from tests.infra.lab import GOOD, Run, run
from tests.infra.stack import SETTINGS, Stack, open_stack

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi.runtime import mocks

pytestmark = pytest.mark.life

DEBIAN = {"image": "debian-12", "gpu": "none", "mountPoint": "/data"}
IMAGE = "box: image ubuntu-22.04 → debian-12 takes effect with the next generation"
PLACE = "box: mountPoint /jobs → /data takes effect with the next generation"


@dataclasses.dataclass(kw_only=True)
class Living(Aws):
    """AWS where instances live that have other tags than the program would give them."""

    tags: dict[str, str]

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Put the tags on instances."""
        identifier, outputs = super().new_resource(args)
        return identifier, {**outputs, "tags": self.tags} if args.typ.endswith(":Instance") else outputs


def said(settings: dict[str, str], tags: dict[str, str]) -> Run:
    """Run the program with settings against such boxes."""
    return run({**GOOD, **settings}, aws=Living(tags=tags))


@pytest.mark.parametrize(
    ("settings", "tags", "message"),
    [
        ({}, {"gpurig:from-image": "baked"}, "image baked → ubuntu-22.04 takes effect with the next generation"),
        (
            {"gpurig:image": "ami-0123456789abcdef0", "gpurig:imageOs": "ubuntu-22.04"},
            {"gpurig:from-image": "ami-0123456789abcdef0", "gpurig:image": "debian-12"},
            "imageOs debian-12 → ubuntu-22.04 takes effect with the next generation",
        ),
        ({"gpurig:generation": "4"}, {"gpurig:mount-point": "/old"}, "(pulumi config set gpurig:generation 5)"),
        ({"gpurig:spot": "true"}, {"gpurig:mount-point": "/old"}, "with the next box (pulumi destroy, then pulumi up)"),
    ],
)
def test_what_waits_is_told(settings: dict[str, str], tags: dict[str, str], message: str) -> None:
    (told,) = [text for text in said(settings, tags).messages if "takes effect" in text]
    assert message in told


def test_a_box_of_before_the_tags_is_described_by_the_settings() -> None:
    found = said({"gpurig:mountPoint": "/data"}, {"Name": "box"})
    host = Host.from_document(found.outputs["gpurig"]["hosts"][0])
    assert host.target is not None
    assert (host.user, host.target.mount_point) == ("ubuntu", "/data")
    assert not [text for text in found.messages if "takes effect" in text]


def test_each_box_of_several_is_described_by_its_own_tags() -> None:
    found = said({"gpurig:hosts": "2"}, {"gpurig:user": "admin", "gpurig:image": "debian-12"})
    assert {host["user"] for host in found.outputs["gpurig"]["hosts"]} == {"admin"}
    assert {host["image"] for host in found.outputs["gpurig"]["hosts"]} == {"debian-12"}


def _described(stack: Stack) -> tuple[str, ...]:
    """Return what the outputs say of the box, in both places."""
    (host,) = json.loads(stack.pulumi("stack", "output", "gpurig", "--json"))["hosts"]
    target = host["target"]
    assert (target["image"], target["user"], target["mount_point"]) == (host["image"], host["user"], host["mountPoint"])
    return host["image"], host["user"], host["mountPoint"]


def test_the_outputs_say_what_the_box_has_until_it_is_another(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        stack.up(**SETTINGS)
        first = stack.box()
        ubuntu = ("ubuntu-22.04", "ubuntu", "/jobs")
        assert _described(stack) == ubuntu

        for name, value in DEBIAN.items():
            stack.pulumi("config", "set", f"gpurig:{name}", value)
        stack.pulumi("config", "set", "--path", "gpurig:sources.cuda", "distribution")
        stack.pulumi("config", "set", "--path", "gpurig:sources.cudnn", "wheel")
        for verb in (("preview",), ("up", "--yes", "--skip-preview"), ("up", "--refresh", "--yes", "--skip-preview")):
            told = stack.pulumi(*verb)
            assert IMAGE in told
            assert PLACE in told
            assert "replace" not in told
        assert stack.box()["InstanceId"] == first["InstanceId"]
        assert _described(stack) == ubuntu
        stack.pulumi("preview", "--expect-no-changes")

        stack.pulumi("config", "set", "gpurig:generation", "2")
        assert "takes effect" not in stack.pulumi("up", "--yes", "--skip-preview")
        assert _described(stack) == ("debian-12", "admin", "/data")
        stack.pulumi("preview", "--expect-no-changes")
