"""The service that a setup is: it outlives whoever asked for it, and a boot goes on with it.

Where there is no systemd, it is a session of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from provision.agent.files import write
from provision.agent.paths import HOME, MACHINE_HOME, MEMORY, PENDING, PROGRAMS, SETUP_UNIT
from provision.agent.processes import run_checked

CURRENT = PROGRAMS / "current"
SETUP_MODULE = "provision.agent.setup"
# Bytecode of this boot alone: what a power cut left cut short would end every setup before it could say so.
PYTHON = "/usr/bin/python3 -X pycache_prefix=/run/gpurig/bytecode"
SETUP = f"""[Unit]
Description=gpurig: the provisioning run in progress
ConditionPathExists={PENDING}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
WorkingDirectory={CURRENT}
ExecStart={PYTHON} -m {SETUP_MODULE}

[Install]
WantedBy=multi-user.target
"""


def has_systemd() -> bool:
    """Return whether systemd runs this machine."""
    return Path("/run/systemd/system").is_dir()


def use_this_program(link: Path = CURRENT) -> None:
    """Make the program that runs now the one that carries the next setup, also after a boot, or what `link` is for.

    Raises `OSError` where it is there for this answer only: the disk has no room.
    """
    place = Path(__file__).parents[2]
    if place.parent == Path(MEMORY):
        raise OSError(f"there is no room for a setup's program in {PROGRAMS}: the disk is full, or cannot be written")
    fresh = link.with_name(f"{link.name}.new")
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(place)
    fresh.replace(link)


def start_setup() -> None:
    """Start the service that carries the pending setup. Raises `OSError` with systemd's words.

    Another home than the machine's is somebody's trial: no service, and no boot goes on with it.
    """
    if HOME != MACHINE_HOME or not has_systemd():
        null = subprocess.DEVNULL
        command = [sys.executable, "-m", SETUP_MODULE]
        subprocess.Popen(command, cwd=CURRENT, start_new_session=True, stdin=null, stdout=null, stderr=null)
        return
    path = Path("/etc/systemd/system") / SETUP_UNIT
    if not path.exists() or path.read_text(encoding="utf-8") != SETUP:
        write(path, SETUP, 0o644)
    run_checked("systemctl", "--quiet", "enable", SETUP_UNIT)
    run_checked("systemctl", "--quiet", "start", "--no-block", SETUP_UNIT)
