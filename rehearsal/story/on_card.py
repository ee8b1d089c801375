"""`make rehearse GPU=1`: the stack asks for a card like this machine's, its box sees that one, and there it trains.

On EC2 the type decides what card a box has; here it is this machine's, whatever the type. So the stack names a type
whose card has the same compute capability: what is compiled for it runs here, and the program and the recipes are told
nothing that would not hold on EC2.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.story.telling import Story

TYPES = {"7.5": "g4dn.xlarge", "8.0": "p4d.24xlarge", "8.6": "g5.xlarge", "8.9": "g6.xlarge", "9.0": "p5.48xlarge"}
"""Compute capability → an EC2 type whose card has it. Older and newer ones have no CUDA 11 to compile with."""
UBUNTU = ("7.5", "8.0", "8.6")
"""What Ubuntu's own CUDA, 11.5, compiles for. Debian's, 11.8, does for all of `TYPES`, and so does NVIDIA's 11.8."""


def system(card: Mapping[str, Any], sources: str) -> str:
    """Return the system whose CUDA compiles for a card (`rehearsal.gpu.check.facts`). Raises `RehearsalError`."""
    compute = card["compute"]
    if compute not in TYPES:
        raise RehearsalError(
            f"the main job compiles with CUDA 11, for compute {', '.join(TYPES)}, and the {card['card']} here has "
            f"{compute}: make gpu-check tries the recipes that can run on it"
        )
    return "ubuntu-22.04" if sources == "upstream" or compute in UBUNTU else "debian-12"


def configure(story: Story, card: Mapping[str, Any]) -> None:
    """Have the stack ask for a card of that kind, with the driver that is there: this machine's, bound in."""
    story.do("pulumi", "config", "set", "gpurig:instanceType", TYPES[card["compute"]])
    story.do("pulumi", "config", "set", "gpurig:gpu", "auto")
    story.do("pulumi", "config", "set", "--path", "gpurig:sources.nvidia-driver", "present")


def check_seen(story: Story, card: Mapping[str, Any]) -> None:
    """See that the box has the card, by the box's own word. Raises `RehearsalError`."""
    seen = [name for name, _, _ in json.loads(story.ask("fab", "status", "--json"))["gpus"]]
    if card["card"] not in seen:
        has = ", ".join(seen) or "none"
        raise RehearsalError(f"the box should see the {card['card']} of this machine; it sees {has}")
    print(f"  the box sees the {card['card']}", flush=True)


def train(story: Story) -> None:
    """Train with PyTorch, and hold the results to the device that they name. Raises `RehearsalError`."""
    into = story.site.state / "results" / "pytorch"
    story.do("fab", "setup-pytorch")
    story.do("fab", "example-pytorch", "--into", str(into))
    devices = [json.loads(path.read_text(encoding="utf-8"))["device"] for path in into.rglob("results.json")]
    if not devices or not all(device.startswith("cuda") for device in devices):
        raise RehearsalError(f"it should have trained on the card; it did on: {', '.join(devices) or 'nothing'}")
