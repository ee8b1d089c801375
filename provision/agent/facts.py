"""What the machine is, and what was installed on it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
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
    from typing import Dict, List, Optional, Tuple

    from provision.agent.wire import answers, requests

DEVICES = Path("/sys/bus/pci/devices")
PASSED_BY = ("vfio-pci", "pciback", "pci-stub")
"""The kernel's drivers that keep a device for a virtual machine."""


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
    gpus, silent = _gpus()
    return {
        "os": f"{release.get('ID', '?')}-{release.get('VERSION_ID', '?')}",
        "kernel": os.uname().release,
        "gpus": gpus,
        "mig": _mig([row[1] for row in gpus]),
        "silent": silent,
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


def _gpus() -> Tuple[List[List[str]], str]:
    """Return name, compute capability and driver version of each GPU that the driver sees, or why it tells nothing."""
    if not shutil.which("nvidia-smi"):
        return [], ""
    # A driver that is too old to know of compute_cap refuses the whole question.
    rows = _asked("name,compute_cap,driver_version") or [[n, "", v] for n, v in _asked("name,driver_version")]
    return rows, "" if rows else _complaint()


def _asked(fields: str) -> List[List[str]]:
    """Return these fields of each GPU, as nvidia-smi has them; none where it does not answer with all of them."""
    rows = output("nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader").splitlines()
    found = [[part.strip() for part in row.split(",")] for row in rows]
    return [row for row in found if len(row) == fields.count(",") + 1]


def _complaint() -> str:
    """Return the first line of what nvidia-smi says where it does not answer."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return "it gives no answer"
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), "it says nothing")


def _mig(computes: List[str]) -> List[Optional[List[str]]]:
    """Return the instances that each GPU is cut into, None where it is whole; of a card that can be cut."""
    if not any(re.match(r"8\.0|9\.0|1\d\.", compute) for compute in computes):
        return [None for _ in computes]
    modes = [row[0] == "Enabled" for row in _asked("mig.mode.current")]
    found: List[Optional[List[str]]] = [[] if mode else None for mode in modes] or [None for _ in computes]
    number = -1
    for line in output("nvidia-smi", "-L").splitlines():
        instance = re.match(r"\s+MIG (\S+)", line)
        number += line.startswith("GPU ")
        if instance and 0 <= number < len(found):
            found[number] = [*(found[number] or []), instance[1]]
    return found


def _pci_gpus() -> List[List[str]]:
    """Return slot, number ("2204") and udev's name ("GA102 [GeForce RTX 3090]") of NVIDIA's GPUs, driver or not.

    One that is passed through to a virtual machine is not this machine's.
    """
    found = []
    for path in sorted(DEVICES.glob("*/modalias")):
        alias = path.read_text(encoding="ascii").strip()
        passed = path.with_name("driver").resolve().name in PASSED_BY
        if alias.startswith("pci:v000010DE") and "bc03" in alias and not passed:
            rows = output("systemd-hwdb", "query", alias).splitlines()
            name = next((row.split("=", 1)[1] for row in rows if row.startswith("ID_MODEL_FROM_DATABASE=")), "")
            found.append([path.parent.name, alias[18:22].lower(), name])
    return found
