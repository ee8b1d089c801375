#!/usr/bin/env python3
"""Install what `make` needs: the system's packages that are missing, and .venv from the hash-pinned lock.

Runs on a bare Debian or Ubuntu with git, make and Python 3.11 or newer; standard library only. Packages of the system
need root (or sudo without a password); without it they are named, and what can work without them still does. On other
systems they are named as their own package manager calls them. Where there is no make: python scripts/setup.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from provision.model import laptop  # noqa: E402
from provision.model.local_file import alone  # noqa: E402

VENV = ROOT / ".venv"
PROGRAMS = VENV / ("Scripts" if laptop.WINDOWS else "bin")
FAB = ROOT / "gpurig" / "fab.py"
LOCK = ROOT / "requirements" / "dev.txt"
STAMP = VENV / ".lock-digest"
GIVEN_UP = VENV / ".not-installed"
TOLD = VENV / ".told"

REHEARSED = (
    *("systemd-nspawn", "nft", "ip", "losetup", "mkfs.ext4", "mmdebstrap", "nsenter"),
    *("curl", "gpg", "zstd", "xz", "bzip2", "zip"),
)
"""Programs of the rehearsal's boxes and of tests: only Linux can have boxes."""


def say(message: str) -> None:
    """Tell the user what takes time."""
    print(f"setup: {message}", flush=True)


def user() -> int:
    """Return the user's id; Windows has none, and no package manager that would ask for it."""
    return -1 if laptop.WINDOWS else os.geteuid()


def as_root(*command: str) -> bool:
    """Run a command as root; returns whether it worked."""
    sudo = [] if user() == 0 else ["sudo", "-n"]
    if sudo and not shutil.which("sudo"):
        return False
    words = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *command]  # sudo drops the environment it is given
    return subprocess.run(words, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode == 0


def missing() -> list[str]:
    """Return the programs that are not there, Python's own way to make a .venv among them."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    wanted = [*laptop.used(), *(REHEARSED if laptop.LINUX else ())]
    lacking = [program for program in wanted if not shutil.which(program, path=path)]
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian keeps it in a package of its own
    except ImportError:
        lacking.append(f"python3.{sys.version_info.minor}-venv")
    return lacking


def system_packages() -> str:
    """Install missing system packages, or name them where that cannot be done here, once; returns what was not."""
    lacking = missing()
    # With the user's id: what failed for a user may work with sudo.
    attempt = f"{user()} {' '.join(lacking)}"
    if not lacking:
        return ""
    if GIVEN_UP.exists() and GIVEN_UP.read_text(encoding="utf-8") == attempt:
        return attempt
    if shutil.which("apt-get"):
        wanted = sorted({laptop.package(program, "apt-get") for program in lacking})
        say(f"installing {' '.join(wanted)}")
        install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted)
        if as_root("apt-get", "update", "-qq") and as_root(*install):
            return ""
        say(f"could not install them; as root: apt-get install {' '.join(wanted)}")
    else:
        say(f"not here: {', '.join(lacking)}; {laptop.install(lacking)}")
    if any(name.endswith("-venv") for name in lacking):
        sys.exit("setup: without Python's venv module nothing works")
    return attempt


def remember(attempt: str) -> None:
    """Keep in .venv what could not be installed, so that the next `make` does not try again in vain."""
    with contextlib.suppress(OSError):  # a .venv of another user's: then it is tried again
        if attempt:
            GIVEN_UP.write_text(attempt, encoding="utf-8")
        else:
            GIVEN_UP.unlink(missing_ok=True)


def python_packages() -> None:
    """Make .venv what the lock says, once per content of the lock."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == digest:
        return
    say("installing the Python packages of the lock into .venv (about a minute, once)")
    install = ["-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--require-hashes", "-r", str(LOCK)]
    for command in ([sys.executable, "-m", "venv", "--clear", str(VENV)], [str(PROGRAMS / "python"), *install]):
        if code := subprocess.run(command, check=False).returncode:
            sys.exit(f"setup: `{' '.join(command)}` ended with exit code {code}; it needs a package index, try again")
    STAMP.write_text(digest, encoding="utf-8")


def own_fab(venv: Path) -> None:
    """Put our `fab` in the place of Fabric's, which it starts. On Windows that is a program, and stays."""
    if laptop.WINDOWS:
        return
    program = venv / "bin" / "fab"
    text = f"#!{venv / 'bin' / 'python'}\n{FAB.read_text(encoding='utf-8')}"
    if not program.exists() or program.read_text(encoding="utf-8") != text:
        fresh = program.with_name("fab.new")
        fresh.write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        fresh.replace(program)


def told_once() -> None:
    """Say what does not work on this system, when .venv has just been made."""
    if not TOLD.exists():
        say(laptop.BOXES_NEED_LINUX)
        TOLD.touch()


def main() -> None:
    """Check the interpreter, then install both."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the one place that an older Python reaches
        sys.exit(
            f"setup: Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 …"
        )
    # Another `make` may be at work on .venv; the lock is on a folder that is never replaced by it.
    with alone(LOCK.parent):
        attempt = system_packages()
        python_packages()
        own_fab(VENV)
        remember(attempt)
        if not laptop.LINUX:
            told_once()


if __name__ == "__main__":
    main()
