"""What differs between the systems that a laptop may have. Standard library only: `scripts/setup.py` asks here too."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOWS = sys.platform.startswith("win")
"""Whether this is Windows itself; WSL is a Linux."""
LINUX = sys.platform.startswith("linux")
BOXES_NEED_LINUX = "boxes of the rehearsal need Linux (on Windows: WSL); all else works here"

USED = ("ssh", "ssh-keygen", "git", "rsync")
"""The programs that `fab` starts, but for Pulumi's and AWS' own."""
_INSTALLS = {
    "apt-get": "apt-get install",
    "dnf": "dnf install",
    "pacman": "pacman -S",
    "zypper": "zypper install",
    "apk": "apk add",
    "brew": "brew install",
    "winget": "winget install",
}
"""Package managers by their program, in the order in which they are looked for → how a package is installed."""
_OPENSSH = {
    "": "openssh-clients",
    "apt-get": "openssh-client",
    "pacman": "openssh",
    "apk": "openssh",
    "brew": "openssh",
}
_PACKAGES = {
    **dict.fromkeys(("ssh", "ssh-keygen"), _OPENSSH),
    "nft": {"": "nftables"},
    "ip": {"": "iproute2", "dnf": "iproute"},
    "systemd-nspawn": {"": "systemd-container", "pacman": "systemd"},
    "losetup": {"": "util-linux", "apt-get": "mount"},
    "nsenter": {"": "util-linux"},
    "mkfs.ext4": {"": "e2fsprogs"},
    "gpg": {"apt-get": "gpg", "dnf": "gnupg2", "zypper": "gpg2", "": "gnupg"},
    "xz": {"": "xz", "apt-get": "xz-utils"},
    "git": {"": "git", "winget": "Git.Git"},
}
"""Program → manager → package, "" any other manager; a program that is not here has a package of its own name."""
_WINDOWS_SSH = "Settings, System, Optional features: OpenSSH Client"

_RESERVED = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]\Z|\A(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)', re.IGNORECASE)


def used() -> tuple[str, ...]:
    """Return the programs that `fab` starts on this system: on Windows no rsync, which takes C: for a host there."""
    return tuple(name for name in USED if not (WINDOWS and name == "rsync"))


def manager() -> str:
    """Return the program of this system's package manager, "" where none is known."""
    return next((name for name in _INSTALLS if shutil.which(name)), "")


def package(program: str, of: str) -> str:
    """Return the name of a program's package in a package manager."""
    names = _PACKAGES.get(program, {})
    return names.get(of, names.get("", program))


def install(programs: Iterable[str]) -> str:
    """Return how this system gets programs that it lacks, to be typed, with `;` between the ways."""
    wanted, found = list(programs), []
    if WINDOWS and {"ssh", "ssh-keygen"} & {*wanted}:
        found.append(_WINDOWS_SSH)
        wanted = [name for name in wanted if name not in ("ssh", "ssh-keygen")]
    name = manager()
    packages = dict.fromkeys(package(program, name) for program in wanted)
    if packages:
        how = _INSTALLS[name] if name else "install with the system's package manager:"
        found.append(f"{how} {' '.join(packages)}")
    return "; ".join(found)


def open_files(wanted: int) -> int:
    """Have the system let this program open so many files, as far as it does; returns how many it lets it, or `wanted`.

    Shells begin with 1,024 of them on Linux and 256 on macOS, far below what anybody may ask for.
    """
    try:
        import resource  # noqa: PLC0415 - Windows has none, and counts files otherwise
    except ImportError:
        return wanted
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY or now >= wanted:
        return wanted
    goal = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (goal, most))
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], wanted)


def cannot_be_named(path: str) -> bool:
    """Tell whether a path of a host's, with slashes, has a part that no file can have as its name on this system."""
    return WINDOWS and any(_RESERVED.search(part) for part in path.split("/") if part not in ("", ".", ".."))
