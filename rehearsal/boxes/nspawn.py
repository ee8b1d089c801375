"""The words that boot a box: systemd-nspawn in a mount namespace of its own, with or without systemd around it."""

from __future__ import annotations

import shlex
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.boxes import cache, card

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearsal.boxes.volumes import Disk

POWER_OFF = signal.SIGRTMIN + 4
"""What systemd as process 1 takes as the order to shut down (systemd(1), "Signals")."""
_NSPAWN = (
    *("--quiet", "--register=no", "--keep-unit", "--directory=root", "--console=read-only"),
    *("--resolv-conf=off", "--timezone=off", f"--kill-signal={POWER_OFF}"),
    # Root may have a firewall, as on any machine; what the box reaches is decided outside of it.
    "--capability=CAP_NET_ADMIN",
)
# A box that is killed would leave files in nspawn's own folder: it gets one that goes with its mount namespace.
_OWN_RUN = "mkdir -p /run/systemd/nspawn && mount -t tmpfs tmpfs /run/systemd/nspawn && "
# Where no systemd runs, /run may be a disk, of which nspawn removes nothing, and the machine may have no id.
_NO_SYSTEMD = (
    "mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && "
    "{ [ -s /etc/machine-id ] || { tr -d - </proc/sys/kernel/random/uuid >machine-id; touch /etc/machine-id; "
    "mount --bind machine-id /etc/machine-id; }; } && "
)
_LIBRARIES = "root/usr/lib/x86_64-linux-gnu"
# The box's own nspawn, with the box's own linker and libraries, where this machine has none.
_THEIRS = (
    *("root/lib64/ld-linux-x86-64.so.2", "--library-path", f"{_LIBRARIES}:{_LIBRARIES}/systemd"),
    "root/usr/bin/systemd-nspawn",
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a box lives: all of it is made before the box starts, and outlives its reboots."""

    folder: Path
    """Laid out by `lay_out`."""
    machine: str
    """Its name, unique on this machine: the name of its cgroup too."""
    namespace: str
    """Its network's; "" for this process' own."""
    mount: str
    """Shell words that mount its root; "" where that is a plain folder."""
    binds: tuple[str, ...] = ()
    """Words of nspawn about what of this machine it sees."""


def command(place: Place, memberships: Sequence[Path], disks: Sequence[Disk]) -> list[str]:
    """Return the words, for the folder of `place`; its mounts go when it goes. `memberships`: by which it joins groups.

    This machine's card is there where it has one, and disks are before the first unit starts: a shell makes their nodes
    and becomes init.
    """
    join = "".join(f"echo $$ >{shlex.quote(str(file))} && " for file in memberships)
    mount = f"{place.mount} && " if place.mount else ""
    around = "" if Path("/run/systemd/system").is_dir() else _NO_SYSTEMD
    pip_cache = cache.folder() / "pip"
    pip_cache.mkdir(parents=True, exist_ok=True)
    gpu = card.find()
    prepare = card.PREPARE if gpu else ""
    init = f"cd /dev; {''.join(disk.plug for disk in disks)}cd /; {prepare}exec /sbin/init"
    before = f'{join}{around}{_OWN_RUN}{mount}exec "$@"'
    words = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", before, "sh"]
    words += ["systemd-nspawn"] if shutil.which("systemd-nspawn") else _THEIRS
    words += [*_NSPAWN, f"--machine={place.machine}", f"--bind={pip_cache}:/root/.cache/pip"]
    words += [*(gpu.binds() if gpu else ()), *place.binds]
    if place.namespace:
        words.append(f"--network-namespace-path=/run/netns/{place.namespace}")
    return [*words, "/bin/sh", "-c", init]
