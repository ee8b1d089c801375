"""What the machine is, and what was installed on it."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.events import last_ending
from provision.agent.files import load
from provision.agent.paths import BEGUN, MARKS, READY
from provision.agent.processes import output
from provision.agent.reply import say
from provision.agent.setup import pending, running
from provision.agent.steps import mark_of
from provision.agent.words import Kind

if TYPE_CHECKING:
    from typing import Dict, List

    from provision.agent.wire import answers, requests


def facts(_request: requests.Question) -> None:
    """Answer with what the machine is."""
    say({"event": Kind.FACTS, **machine()})


def status(_request: requests.Question) -> None:
    """Answer with what is installed, what is half done, what runs now and how the last setup ended."""
    say({"event": Kind.STATUS, **state()})


def state() -> answers.State:
    """Return what is installed, what is half done, what runs now and how the last setup ended."""
    interrupted = sorted(path.name for path in BEGUN.glob("*") if path.suffix != ".part")
    marks = {path.stem: mark_of(path.stem) for path in sorted(MARKS.glob("*.json"))}
    now = pending()
    return {
        "marks": {name: mark for name, mark in marks.items() if mark and name not in interrupted},
        "interrupted": interrupted,
        "ready": load(READY),
        "pending": now,
        "running": bool(now) and running(),
        "last": last_ending(),
        **machine(),
    }


def machine() -> answers.Machine:
    """Return OS release, kernel, free disk, memory, GPUs, and what may keep a driver from them."""
    release: Dict[str, str] = {}
    with contextlib.suppress(OSError):
        rows = Path("/etc/os-release").read_text(encoding="utf-8").replace('"', "").splitlines()
        release = dict(row.split("=", 1) for row in rows if "=" in row)
    return {
        "os": f"{release.get('ID', '?')}-{release.get('VERSION_ID', '?')}",
        "kernel": os.uname().release,
        "gpus": _gpus(),
        "pci": _pci_gpus(),
        "nouveau": Path("/sys/module/nouveau").exists(),
        # Four bytes of attributes, then the variable's value.
        "secure_boot": any(p.read_bytes()[4:] == b"\1" for p in Path("/sys/firmware/efi/efivars").glob("SecureBoot-*")),
        "disk_free_gib": round(shutil.disk_usage("/").free / 2**30, 1),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "boot_id": boot_id(),
    }


def boot_id() -> str:
    """Return what the kernel calls the time since it started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _gpus() -> List[List[str]]:
    """Return name, compute capability and driver version of each GPU that the driver sees."""
    rows = output("nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader")
    return [[part.strip() for part in row.split(",")] for row in rows.splitlines()]


def _pci_gpus() -> List[List[str]]:
    """Return slot, number ("2204") and udev's name ("GA102 [GeForce RTX 3090]") of NVIDIA's GPUs, driver or not."""
    found = []
    for path in sorted(Path("/sys/bus/pci/devices").glob("*/modalias")):
        alias = path.read_text(encoding="ascii").strip()
        if alias.startswith("pci:v000010DE") and "bc03" in alias:
            rows = output("systemd-hwdb", "query", alias).splitlines()
            name = next((row.split("=", 1)[1] for row in rows if row.startswith("ID_MODEL_FROM_DATABASE=")), "")
            found.append([path.parent.name, alias[18:22].lower(), name])
    return found
