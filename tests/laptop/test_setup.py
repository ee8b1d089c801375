"""`scripts/setup.py` on systems without apt: what is missing is named as their own package manager calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.fab import ROOT
from tests.kit.laptop import windows

SCRIPT = """
import pathlib, sys
sys.path.insert(0, {scripts!r})
import setup
setup.GIVEN_UP = pathlib.Path({given_up!r})
setup.laptop.LINUX, setup.laptop.WINDOWS = {linux}, {windows}
setup.REHEARSED = ("systemd-nspawn", "nft", "mkfs.ext4", "xz")
setup.remember(setup.system_packages())
"""


def said(folder: Path, manager: str, *, linux: bool = True, windows: bool = False, times: int = 1) -> list[str]:
    """Run its part about the system where there is a package manager and nothing else; returns what it prints."""
    (folder / "bin").mkdir(exist_ok=True)
    if manager:
        (folder / "bin" / manager).touch(mode=0o755)
    code = SCRIPT.format(
        scripts=str(ROOT / "scripts"), given_up=str(folder / "given-up"), linux=linux, windows=windows
    ).replace(
        "import setup\n", "import setup, shutil\nwhich = shutil.which\nshutil.which = lambda name, **_: which(name)\n"
    )
    lines: list[str] = []
    for _ in range(times):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PATH": str(folder / "bin")}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        lines += done.stdout.splitlines()
    return lines


LACKING = "setup: not here: ssh, ssh-keygen, git, rsync"
BOXES = "systemd-nspawn, nft, mkfs.ext4, xz"


@pytest.mark.parametrize(
    ("manager", "how"),
    [
        ("dnf", "dnf install openssh-clients"),
        ("pacman", "pacman -S openssh"),
        ("zypper", "zypper install openssh-clients"),
        ("", "install with the system's package manager: openssh-clients"),
    ],
)
def test_a_linux_without_apt(tmp_path: Path, manager: str, how: str) -> None:
    nspawn = "systemd" if manager == "pacman" else "systemd-container"
    assert said(tmp_path, manager) == [f"{LACKING}, {BOXES}; {how} git rsync {nspawn} nftables e2fsprogs xz"]


def test_a_mac_is_told_of_what_fab_needs_and_once(tmp_path: Path) -> None:
    assert said(tmp_path, "brew", linux=False, times=2) == [f"{LACKING}; brew install openssh git rsync"]


def test_windows_itself(tmp_path: Path) -> None:
    (line,) = said(tmp_path, "winget", linux=False, windows=True)
    assert line == (
        "setup: not here: ssh, ssh-keygen, git; "
        "Settings, System, Optional features: OpenSSH Client; winget install Git.Git"
    )


def test_it_runs_without_fcntl_and_users_ids(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import setup; print(setup.missing(), setup.user())"
    )
    env = windows(tmp_path / "windows")
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[] -1\n"), done.stderr


def test_what_needs_linux_is_said_in_one_line_and_once(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import setup, pathlib\n"
    code += f"setup.TOLD = pathlib.Path({str(tmp_path / 'told')!r})\nsetup.told_once(); setup.told_once()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = done.stdout.splitlines()
    assert "need Linux" in line
