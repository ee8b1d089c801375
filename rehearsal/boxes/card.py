"""This machine's NVIDIA card, as a box sees it: its device nodes and its driver's files, bound in.

What to bind is what container toolkits bind (nvidia-container-toolkit, `nvidia-ctk cdi generate`): /dev/nvidia* of the
card and its control, and of the driver the libraries and programs that it installed, which have to be those of the
kernel's module. All else (CUDA, cuDNN, frameworks) is the box's own.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

FOLDER = "/usr/local/nvidia"
"""Where a box has the driver's files."""
PREPARE = f"mkdir -p {FOLDER}; echo {FOLDER}/lib >/etc/ld.so.conf.d/nvidia.conf; ldconfig; "
"""Before a box's first process: its programs find the driver's libraries, whose links ldconfig makes."""
_NODE = re.compile(r"nvidia(\d+|ctl|-uvm|-uvm-tools|-modeset)")
_LIBRARY = re.compile(r"lib(cuda|cudadebugger|nvcuvid|nvoptix|nvidia-[\w-]+)\.so\.[\d.]+")
_PROGRAMS = ("nvidia-smi", "nvidia-debugdump", "nvidia-persistenced")


@dataclasses.dataclass(frozen=True)
class Card:
    """All of this machine's cards and their driver."""

    nodes: tuple[Path, ...]
    libraries: tuple[Path, ...]
    programs: tuple[Path, ...]

    def binds(self) -> list[str]:
        """Return what systemd-nspawn is told: device nodes to write to, files of the driver to read."""
        words = [f"--bind={node}" for node in self.nodes]
        words += [f"--bind-ro={path}:{FOLDER}/lib/{path.name}" for path in self.libraries]
        return words + [f"--bind-ro={path}:/usr/bin/{path.name}" for path in self.programs]


def find(devices: Path = Path("/dev")) -> Card | None:
    """Return what there is here; None without a card whose driver is loaded."""
    nodes = tuple(sorted(path for path in devices.glob("nvidia*") if _NODE.fullmatch(path.name)))
    smi = shutil.which("nvidia-smi")
    if not smi or not any(re.fullmatch(r"nvidia\d+", path.name) for path in nodes):
        return None
    home = Path(smi).resolve().parent
    programs = [home / name for name in _PROGRAMS if (home / name).is_file()]
    return Card(nodes, tuple(sorted(_libraries(home.parent))), tuple(programs))


def why_none() -> str:
    """Return, in one line, why there is no card for boxes and what would make it work; "" where there is one."""
    if find():
        return ""
    if not shutil.which("nvidia-smi"):
        return "no GPU for boxes here: no nvidia-smi on PATH; install NVIDIA's driver, or go to a machine with a card"
    return "no GPU for boxes here: no /dev/nvidia0; load the driver's module (nvidia-smi does)"


def _libraries(driver: Path) -> set[Path]:
    """Return the driver's libraries: those beside its programs, and those that the linker knows, each once."""
    found = [path for name in ("lib64", "lib") for path in (driver / name).glob("lib*.so.*")]
    if shutil.which("ldconfig"):
        said = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
        found += [Path(line.split(" => ")[1]) for line in said.splitlines() if "x86-64" in line and " => " in line]
    whole = {path.resolve() for path in found if _LIBRARY.fullmatch(path.name)}
    # One of each name: a container may show the same driver in two places.
    return set({path.name: path for path in sorted(whole) if os.access(path, os.R_OK)}.values())
