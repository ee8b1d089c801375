"""What this machine must have for boxes to run on it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from rehearsal.boxes import cgroups, firewall
from rehearsal.boxes.run import run
from rehearsal.errors import RehearsalError

PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "losetup": "mount",
    "unshare": "util-linux",
    "mmdebstrap": "mmdebstrap",
    "apt-config": "apt",
}


def why_not() -> str | None:
    """Return, in one line, what is missing here for boxes and what would make it work; None if nothing is."""
    if not (linux := sys.platform.startswith("linux")) or os.geteuid() != 0:
        elsewhere = (
            "boxes need Linux: on a Mac a virtual machine with it, on Windows WSL; the rest goes on without boxes"
        )
        return "boxes need root: run as root or with sudo" if linux else elsewhere
    if missing := [program for program in PACKAGES if not shutil.which(program)]:
        packages = " ".join(PACKAGES[program] for program in missing)
        return f"boxes need {', '.join(missing)}: apt-get install {packages}"
    if not Path("/dev/loop-control").exists():
        return "boxes need loop devices: modprobe loop, or give this container /dev/loop-control"
    if not cgroups.hierarchies():
        return "boxes need a cgroup file system that systemd can use: mount one under /sys/fs/cgroup"
    if not os.access(cgroups.hierarchies()[0], os.W_OK):
        return "boxes need a writable /sys/fs/cgroup: run outside a container, or in a privileged one"
    return _refused_by_the_kernel()


def _refused_by_the_kernel() -> str | None:
    """Try, in namespaces that end with the trial, what no file tells in advance."""
    trial = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc"]
    try:
        run(*trial, "true")
    except RehearsalError as error:
        return f"boxes need namespaces, run outside a container or in a privileged one ({error})"
    rules = firewall.ROUTER_RULES + firewall.masquerade("trial", "198.18.0.0/24", "trial")
    try:
        run(*trial, "nft", "-f", "-", stdin=rules)
    except RehearsalError as error:
        return f"boxes need a kernel with nftables, connection tracking and masquerading ({error})"
    return None
