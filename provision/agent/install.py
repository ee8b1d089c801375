"""One step's install: its script, or what the job volume keeps of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from provision.agent.files import write
from provision.agent.paths import log_of
from provision.agent.steps import REFUSED, TIMEOUT, begun_marker, script, sweep, verified
from provision.agent.words import Kept

if TYPE_CHECKING:
    from typing import Optional, Tuple

    from provision.agent.keeper import Keeper
    from provision.agent.wire.documents import Step


def _attempt(step: Step, folder: Path, log: BinaryIO, **env: str) -> Tuple[int, str]:
    """Write a step's files, run its install, look at what it made; returns its exit code and what went wrong."""
    for file in step["files"]:
        write(Path(file["path"]), file["content"], int(file["mode"], 8))
    place = begun_marker(step["name"])
    code = script(folder / f"{step['name']}.install", log, step["timeout"], GPURIG_INSTALL=str(place), **env)
    if code == TIMEOUT:
        sweep(place)
    if code == 0 and not verified(step, folder, log):
        return 1, "its install ended without an error, but its verify script says no"
    why = {0: "", REFUSED: "it refused, and changed nothing", TIMEOUT: f"not done after {step['timeout']} s"}
    return code, why.get(code, f"exit code {code}" if code > 0 else f"killed by signal {-code}")


def install(step: Step, folder: Path, keeper: Optional[Keeper], *, rebooted: bool) -> Tuple[int, str, Kept]:
    """Install a step, unless a reboot was all that it still needed, or what was kept of it does.

    Returns its exit code, what went wrong, and how much of it came from the job volume.
    """
    free = shutil.disk_usage("/").free / 2**30
    if free < step["disk_gib"]:
        return 1, f"it needs {step['disk_gib']:.1f} GiB free on /, and there are {free:.1f}", Kept.NOTHING
    write(begun_marker(step["name"]), "")
    with log_of(step["name"]).open("ab", buffering=0) as log:
        if rebooted and verified(step, folder, log):
            return 0, "", Kept.NOTHING

        def attempt(**env: str) -> Tuple[int, str]:
            return _attempt(step, folder, log, GPURIG_REBOOTED="1" if rebooted else "", **env)

        if keeper and step["key"]:
            return keeper.install(step, log, attempt)
        return (*attempt(), Kept.NOTHING)
