"""What `python -m rehearsal gpu-check` is told, and the network that it runs in."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError
from rehearsal.gpu.check import IMAGES, Plan, check, facts

if TYPE_CHECKING:
    import argparse

INSIDE = "GPURIG_NO_NETWORK"
"""Set where this process is in a network of its own, in which there is nothing but itself."""
MINUTES = "after which it ends (%(default)g); more minutes try more, and what cannot be reached is not run"
ACCEPT = "you have read and accept the licences of all recipes; else those that come under one are not run"
_SET_FLAGS, _UP = 0x8914, 0x41
"""SIOCSIFFLAGS; IFF_UP and IFF_RUNNING (linux/sockios.h, linux/if.h)."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    own = parser.add_argument_group("gpu-check")
    own.add_argument(
        "--image", choices=sorted(IMAGES), help="what the box stands for; with --torch: a Deep Learning AMI"
    )
    own.add_argument("--torch", type=Path, help="a virtual environment with PyTorch, as the Deep Learning AMI's own")
    own.add_argument("--offline", type=Path, help="a folder in place of the network: roots/*.tar.xz, wheels/*.whl")
    own.add_argument("--recipes", default="", help="only these, with commas between")
    own.add_argument("--minutes", type=float, default=Plan.minutes, help=MINUTES)
    own.add_argument("--into", type=Path, default=Path("results/gpu-check"), help="folder for what comes out")
    own.add_argument("--accept", action="store_true", help=ACCEPT)
    own.add_argument("--no-card", action="store_true", help="try what can be tried without a card")


def run(arguments: argparse.Namespace) -> int:
    """Run the check; with a folder in place of the network, in a network without anything. Raises `RehearsalError`."""
    if os.geteuid() != 0:
        raise RehearsalError("boxes need root: run as root or with sudo")
    if arguments.offline:
        _leave_the_network()
    plan = Plan(
        image=arguments.image or ("dlami-pytorch-24.04" if arguments.torch else "ubuntu-22.04"),
        into=arguments.into.resolve(),
        state=arguments.state.resolve() / "gpu",
        offline=arguments.offline and arguments.offline.resolve(),
        only=tuple(filter(None, arguments.recipes.split(","))),
        minutes=arguments.minutes,
        torch=arguments.torch,
        accept=arguments.accept,
        card=None if arguments.no_card else facts(),
    )
    return check(plan)


def _leave_the_network() -> None:
    """Begin anew in a network namespace: so nothing comes from elsewhere, and the box's ports are nobody else's."""
    if INSIDE not in os.environ:
        if not shutil.which("unshare"):
            raise RehearsalError("--offline needs unshare: apt-get install util-linux")
        words = ["unshare", "--net", sys.executable, "-m", "rehearsal", *sys.argv[1:]]
        os.execvpe(words[0], words, {**os.environ, INSIDE: "1"})  # noqa: S606 - words, and no shell
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP))
