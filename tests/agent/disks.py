"""Small disks of a host's own."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.host import Lab


@contextlib.contextmanager
def mounted(lab: Lab, place: Path, size: str) -> Iterator[None]:
    """Give a host a disk of that size ("8m") in a folder; skips the test where nothing can be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "gpurig-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a disk of its own needs root and the right to mount")
    try:
        yield
    finally:
        lab.clean_up()
        subprocess.run(["umount", str(place)], check=True)
