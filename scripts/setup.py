#!/usr/bin/env python3
"""Install what `make` needs: the system's packages that are missing, and .venv from the hash-pinned lock.

Runs on a bare Debian or Ubuntu with git, make and Python 3.11 or newer; standard library only. Packages of the system
need root (or sudo without a password); without it they are named, and what can work without them still does.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
FAB = ROOT / "gpurig" / "fab.py"
LOCK = ROOT / "requirements" / "dev.txt"
STAMP = VENV / ".lock-digest"
GIVEN_UP = VENV / ".not-installed"

# Program → the Debian and Ubuntu package that brings it.
PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "losetup": "mount",
    "mkfs.ext4": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "curl": "curl",
    "rsync": "rsync",
    "git": "git",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
    "gpg": "gpg",
    "zstd": "zstd",
    "xz": "xz-utils",
    "bzip2": "bzip2",
    "zip": "zip",
}


def say(message: str) -> None:
    """Tell the user what takes time."""
    print(f"setup: {message}", flush=True)


def as_root(*command: str) -> bool:
    """Run a command as root; returns whether it worked."""
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and not shutil.which("sudo"):
        return False
    words = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *command]  # sudo drops the environment it is given
    return subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 0


def missing() -> list[str]:
    """Return the system packages that are not there, without repeats."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    wanted = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)]
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian keeps it in a package of its own
    except ImportError:
        wanted.append(f"python3.{sys.version_info.minor}-venv")
    return sorted(set(wanted))


def system_packages() -> str:
    """Install missing system packages, or name them where that cannot be done here, once; returns what was not."""
    wanted = missing()
    # With the user's id: what failed for a user may work with sudo.
    attempt = f"{os.geteuid()} {' '.join(wanted)}"
    if not wanted:
        return ""
    if GIVEN_UP.exists() and GIVEN_UP.read_text() == attempt:
        return attempt
    say(f"installing {' '.join(wanted)}")
    install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted)
    if shutil.which("apt-get") and as_root("apt-get", "update", "-qq") and as_root(*install):
        return ""
    say(f"could not install them; as root: apt-get install {' '.join(wanted)}")
    if any(name.endswith("-venv") for name in wanted):
        sys.exit("setup: without Python's venv module nothing works")
    return attempt


def remember(attempt: str) -> None:
    """Keep in .venv what could not be installed, so that the next `make` does not try again in vain."""
    with contextlib.suppress(OSError):  # a .venv of another user's: then it is tried again
        if attempt:
            GIVEN_UP.write_text(attempt)
        else:
            GIVEN_UP.unlink(missing_ok=True)


def python_packages() -> None:
    """Make .venv what the lock says, once per content of the lock."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == digest:
        return
    say("installing the Python packages of the lock into .venv (about a minute, once)")
    install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes", "-r", str(LOCK)]
    for command in ([sys.executable, "-m", "venv", "--clear", str(VENV)], [str(VENV / "bin" / "python"), *install]):
        if code := subprocess.run(command, check=False).returncode:
            sys.exit(f"setup: `{' '.join(command)}` ended with exit code {code}; it needs a package index, try again")
    STAMP.write_text(digest)


def own_fab(venv: Path) -> None:
    """Put our `fab` in the place of Fabric's, which it starts."""
    program = venv / "bin" / "fab"
    text = f"#!{venv / 'bin' / 'python'}\n{FAB.read_text()}"
    if not program.exists() or program.read_text() != text:
        fresh = program.with_name("fab.new")
        fresh.write_text(text)
        fresh.chmod(0o755)
        fresh.replace(program)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait for another `make` that is at work on .venv; the lock is on a file that is never replaced by it."""
    with LOCK.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Check the interpreter, then install both."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the one place that an older Python reaches
        sys.exit(
            f"setup: Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 …"
        )
    with alone():
        attempt = system_packages()
        python_packages()
        own_fab(VENV)
        remember(attempt)


if __name__ == "__main__":
    main()
