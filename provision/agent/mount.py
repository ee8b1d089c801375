"""The job volume: the EBS volume that is to be at the mount point, and whether it is."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import as_account
from provision.agent.notice import need_future
from provision.agent.paths import VOLUME_UNIT
from provision.agent.reply import Refused

if TYPE_CHECKING:
    from typing import List, Optional

    from provision.agent.wire.documents import Account, Disk


def device_of(volume_id: str) -> Optional[Path]:
    """Return a volume's device, None where it is not attached. Nitro disks are known by their serial only."""
    serial = volume_id.replace("-", "")
    link = Path("/dev/disk/by-id", f"nvme-Amazon_Elastic_Block_Store_{serial}")
    if link.exists():
        return link.resolve()
    for file in Path("/sys/block").glob("*/device/serial"):
        with contextlib.suppress(OSError):
            if file.read_text(encoding="ascii").strip() == serial:
                return Path("/dev", file.parts[3])
    return None


def is_mounted(mount_point: str, volume_id: str) -> bool:
    """Return whether the volume itself is there: not a folder that waits for it, nor another disk.

    Without a volume ("") the mount point is a plain directory, and there as soon as it exists.
    """
    place = Path(mount_point)
    if not volume_id:
        return place.is_dir()
    device = device_of(volume_id)
    # The major and minor numbers, under whatever name: a mount has that of the device it was made from.
    return device is not None and place.is_dir() and place.stat().st_dev == device.stat().st_rdev


def need_mounted(account: Account) -> None:
    """Refuse what would land on the root disk, below a mount point without its volume, or cannot be written.

    A host without a volume, and without the recipe base, gets the folder here.
    """
    need_future()
    if account["volume_id"] and not is_mounted(account["mount_point"], account["volume_id"]):
        way = "a box that has just been made: `fab setup-base` waits for it; else on the host: "
        way += f"systemctl restart {VOLUME_UNIT}, and what its service says: systemctl status {VOLUME_UNIT}"
        raise Refused(f"the job volume is not mounted at {account['mount_point']}", way)
    place, user = Path(account["mount_point"]), account["user"]
    if not place.exists():
        _make(place, user)
    with as_account(user):
        mine = os.access(place, os.W_OK | os.X_OK, effective_ids=True)
    if not mine:
        raise Refused(f"{user} cannot write in {place}", f"fab setup-base; or on the host: sudo chown {user}: {place}")


def _make(place: Path, user: str) -> None:
    """Make the mount point, the account's: by the account where it may, so that no link of its leads root elsewhere."""
    try:
        with as_account(user):
            place.mkdir(parents=True, exist_ok=True)
    except PermissionError:
        place.mkdir(parents=True, exist_ok=True)
        entry = pwd.getpwnam(user)
        os.chown(place, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def disks(account: Account) -> List[Disk]:
    """Return free and whole bytes of the root file system, and of the one at the mount point where it is another."""
    places = [Path("/"), Path(account["mount_point"])]
    found = {place.stat().st_dev: place for place in reversed(places) if place.is_dir()}
    usages = {place: shutil.disk_usage(place) for place in places if place in found.values()}
    return [{"path": str(place), "free": usage.free, "total": usage.total} for place, usage in usages.items()]
