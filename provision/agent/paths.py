"""Where things are on the box, and what its services are called."""

from __future__ import annotations

import os
from pathlib import Path

MACHINE_HOME = Path("/var/lib/gpurig")
HOME = Path(os.environ.get("GPURIG_HOME", str(MACHINE_HOME)))
"""State of the machine: bundle, a mark per step, logs, the journal. Another one is a trial's: it has no services."""
PROFILE = Path(os.environ.get("GPURIG_PROFILE", "/etc/profile.d"))
PREFIX = "/opt/gpurig"
"""Where recipes that build from source install."""
PROGRAMS = HOME / "agent"
"""The program's versions, each in a folder named by its digest, and `current`, a link to that of the last setup."""
MEMORY = "/dev/shm"  # noqa: S108 - a folder of root's own is made in it
"""Where a version lies for as long as one answer takes, when the disk has no room for it."""
BUNDLE, PENDING, READY = HOME / "bundle.json", HOME / "pending.json", HOME / "ready.json"
MARKS, BEGUN, LOGS = HOME / "marks", HOME / "begun", HOME / "logs"
KEPT_FOLDER = (".gpurig", "kept")
"""Where the job volume has kept builds: folders of root's alone."""
VOLUME_SCRIPT = "/usr/local/sbin/gpurig-volume"
GUARD_PROGRAM = "/usr/local/sbin/gpurig-guard"

SETUP_UNIT = "gpurig.service"
VOLUME_UNIT = "gpurig-volume"


def run_unit(name: str) -> str:
    """Return the service that a run is."""
    return f"gpurig-run-{name}.service"


def log_of(step: str) -> Path:
    """Return where the output of a step's install goes."""
    return LOGS / f"{step}.log"
