"""The table at the end of the story: steps and seconds, and for each part whether it was real or stood in."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from rehearsal.boxes import card
from rehearsal.story.on_card import TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.story.telling import Story


def summary(story: Story, *, sources: str, life: bool, lack: str | None, own: Mapping[str, Any] | None = None) -> str:
    """Return the summary as text; `own`: this machine's card, where the stack asked for it."""
    width = max(len(title) for title, _ in story.chapters)
    rows = [f"  {title:<{width}}  {seconds:7.1f} s" for title, seconds in story.chapters]
    rows.append(f"  {'all of it':<{width}}  {sum(seconds for _, seconds in story.chapters):7.1f} s")
    if lack:
        parts = _parts_without_boxes(story, lack)
    elif life:
        parts = [*_cloud_parts(story), *_box_parts(None), *_life_parts()]
    else:
        parts = [*_cloud_parts(story), *_box_parts(own), *_job_parts(story, sources, own)]
    names = max(len(name) for name, _, _ in parts)
    lines = [f"  {name:<{names}}  {kind:<8}  {what}" for name, kind, what in parts]
    return "\n".join(["", "What was done", *rows, "", "What was real, and what stood in", *lines])


def _parts_without_boxes(story: Story, lack: str) -> list[tuple[str, str, str]]:
    return [*_cloud_parts(story), ("the box and all on it", "left out", lack)]


def _cloud_parts(story: Story) -> list[tuple[str, str, str]]:
    engine = story.site.engine
    return [
        (
            "Pulumi program",
            "real",
            f"with the real SDKs: pulumi {version('pulumi')}, pulumi-aws {version('pulumi-aws')}",
        ),
        ("Pulumi engine", "stand-in" if engine.startswith("rehearsal") else "real", engine),
        ("AWS provider plugin", "stand-in", "rehearsal/provider, over boto3"),
        ("AWS", "stand-in", f"moto {version('moto')}, over HTTP"),
    ]


def _box_parts(own: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    seen = "this machine's own GPU" if own else "this machine's own GPU is seen, and not asked for"
    gpu = seen if card.find() else "no GPU"
    return [
        ("the machine", "stand-in", f"a systemd container on this kernel, not a virtual machine; no NVMe, {gpu}"),
        ("cloud-init, systemd, sshd", "real", "the distribution's, booted from the instance's own user-data"),
        ("EBS volume, snapshot", "stand-in", "a file behind a loop device, and its copy"),
        ("security group", "stand-in", "nftables rules outside the box"),
    ]


def _life_parts() -> list[tuple[str, str, str]]:
    return [
        (
            "prices, quotas, capacity",
            "stand-in",
            "the project's own table times a factor; no room where the story says so",
        ),
        (
            "EC2's notice to a spot box",
            "stand-in",
            "in the box's own instance metadata, with seconds in place of two minutes",
        ),
        (
            "the end of the ceiling",
            "stand-in",
            "the cloud's clock was moved; schedule, role and stop are its own doing",
        ),
        ("the training", "stand-in", "a loop that counts, saves itself when asked to end, and goes on from there"),
    ]


def _job_parts(story: Story, sources: str, own: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    upstream = sources == "upstream"
    code = "real" if upstream else "stand-in"
    small = "small projects of gpurig's own, through the real install scripts; what trains is a softmax regression"
    repositories = f"their own repositories; {'trained on the card' if own else 'nothing is trained without a GPU'}"
    rows = [
        ("NVIDIA driver, GPU", "left out", "the stack says gpu: none; CUDA is compiled against, never run"),
        ("CUDA", "real", "NVIDIA's 11.8" if upstream else f"the toolkit of {story.system} in place of NVIDIA's 11.8"),
        ("cuDNN", "real", "NVIDIA's package" if upstream else "NVIDIA's wheel in place of its package"),
        ("caffe, DIGITS", code, repositories if upstream else small),
    ]
    if own:
        which = f"this machine's {own['card']}, driver {own['driver']}: bound into the box, not installed there"
        rows[0] = ("NVIDIA driver, GPU", "real", f"{which}; EC2's {TYPES[own['compute']]} has another")
        rows.append(("PyTorch", "real", "trained on the card"))
    return rows
