"""What an install changed on the root file system, and whether that can be put back on another box as it is.

What is told from what a file
system says: paths whose inode changed since the install began. What an install deleted is not seen, which is why one
that took away or replaced packages is not kept whole.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.paths import MARKS
from provision.agent.processes import output
from provision.agent.steps import mark_of

if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from provision.agent.wire.documents import Step

ROOT = os.environ.get("GPURIG_ROOT", "")
"""What stands for / ("" is / itself): a folder where a trial plays the root file system."""
PLACES = ("boot", "etc", "opt", "usr", "var/cache", "var/lib")
"""Where installs put things. What lies elsewhere (logs, homes, /tmp, /run) is nobody's installed software."""
DEBS = "/var/cache/apt/archives"
# Others write here at any time, or it is made anew from the rest: not part of what an install did.
IGNORED = re.compile(
    r"/var/lib/(gpurig|cloud|snapd|dhcp|NetworkManager|private|amazon|ubuntu-advantage|update-notifier|logrotate|chrony"
    r"|command-not-found|plocate|misc|systemd/(?!deb-systemd)|apt/(?!extended_states)|dpkg/(lock|triggers/Lock))"
    r"|/var/cache/(?!debconf|fontconfig)"
    r"|/etc/(mtab|hosts|hostname|machine-id|resolv\.conf|adjtime|ssh/|netplan/|cloud/|ld\.so\.cache|profile\.d/gpurig-)"
)
# A machine's own: an install that changed one of these has to run where it is to have happened.
MACHINE_SPECIFIC = re.compile(r"/boot/.|/usr/lib/modules/.|/etc/(passwd|shadow|sub[ug]id|sudoers|fstab|crypttab)")
# What a package's programs keep there is their own too, but for these; that it has a folder there says nothing.
SHARED_STATE = re.compile(
    r"/var/lib/(dpkg|apt|pam|ucf|emacsen-common|systemd|python|xml-core|sgml-base|dictionaries-common)/"
)
UNIT = re.compile(r"/(?:etc|usr/lib)/systemd/system/([^/]+\.(?:service|socket|timer|path))$")


def below(top: str) -> Iterator[str]:
    """Yield all paths below a folder, a folder before what is in it, on its own file system."""
    device = os.lstat(top).st_dev
    with os.scandir(top) as found:
        for entry in sorted(found, key=lambda one: one.name):
            if entry.stat(follow_symlinks=False).st_dev == device:
                yield entry.path
                if entry.is_dir(follow_symlinks=False):
                    yield from below(entry.path)


def changed(since: int, apart: Iterable[str]) -> list[str]:
    """Return what changed since a time (ns) in the places of installed software, without what is below `apart`."""
    apart = tuple(f"{path}/" for path in apart)
    found = []
    for place in PLACES:
        top = Path(f"{ROOT}/{place}")
        for path in below(str(top)) if top.is_dir() else ():
            name = path[len(ROOT) :]
            if not IGNORED.match(name) and not f"{path}/".startswith(apart) and os.lstat(path).st_ctime_ns >= since:
                found.append(path)
    return found


def downloaded(since: int) -> list[str]:
    """Return the packages that apt has downloaded since a time (ns); one with a second name is lent by somebody."""
    found = [(str(path), path.lstat()) for path in sorted(Path(ROOT + DEBS).glob("*.deb"))]
    return [path for path, seen in found if seen.st_ctime_ns >= since and seen.st_nlink == 1]


def packages() -> set[str]:
    """Return what dpkg has: a line per package, with its version and whether it is whole."""
    return set(output("dpkg-query", "-Wf", "${Package} ${Architecture} ${Version} ${Status}\n").splitlines())


def machine_digest(apart: Iterable[str]) -> str:
    """Return a digest of what else is on this machine: release, packages, accounts, steps done but those `apart`."""
    names = sorted({path.stem for path in MARKS.glob("*.json")} - set(apart))
    rows = [f"{name} {mark['digest'] if mark else None}" for name in names for mark in [mark_of(name)]]
    for name in ("os-release", "cloud/build.info", "passwd", "group"):
        path = Path(f"{ROOT}/etc/{name}")
        rows.append(path.read_text(encoding="utf-8", errors="replace") if path.exists() else "")
    return hashlib.sha256("\n".join([*rows, *sorted(packages())]).encode()).hexdigest()


def why_not_whole(paths: Iterable[str], before: set[str], step: Step) -> str:
    """Return why what a step changed cannot be put back by its files alone; "" when it can."""
    if before - packages():
        return "packages that were there were removed or replaced"
    units = []
    for path in paths:
        name = path[len(ROOT) :]
        stateful = name.startswith("/var/lib/") and not SHARED_STATE.match(name) and not Path(path).is_dir()
        if MACHINE_SPECIFIC.match(name) or stateful:
            return f"{name} is this machine's own"
        unit = UNIT.match(name)
        if unit and not any(file["path"] == name for file in step["files"]):
            units.append(unit[1])
    running = [unit for unit in units if output("systemctl", "is-active", unit).strip() == "active"]
    return f"it started {running[0]}" if running else ""
