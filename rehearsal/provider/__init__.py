"""A stand-in for `pulumi-resource-aws`: the resource types of this project, served over gRPC with boto3 behind them.

It speaks `pulumirpc.ResourceProvider` and keeps to the rules of the official pulumi-aws 7 (what replaces, what is a
default, which tags are whose), so that a program which passes here meets no surprise there.  What it does not cover it
refuses by name.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

PLUGIN = "pulumi-resource-aws"
_ROOT = Path(__file__).resolve().parents[2]
_LAUNCHER = """\
#!/bin/sh
PYTHONPATH={root}${{PYTHONPATH:+:$PYTHONPATH}} exec {python} -m rehearsal.provider "$@"
"""


def install_shim(bin_dir: Path) -> Path:
    """Write the launcher that an engine finds on PATH into `bin_dir`, and return its path."""
    bin_dir.mkdir(parents=True, exist_ok=True)
    shim = bin_dir / PLUGIN
    shim.write_text(_LAUNCHER.format(root=shlex.quote(str(_ROOT)), python=shlex.quote(sys.executable)))
    shim.chmod(0o755)
    return shim
