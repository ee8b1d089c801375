"""A small Pulumi engine for machines that have the Python SDK but not the Pulumi CLI.

It drives an unchanged Pulumi program through the SDK's own gRPC services and an unchanged provider plugin, with
Pulumi's verbs, flags, exit codes and state file, as far as one Python project with a ``file://`` backend needs them.
Everything else is refused by name. Nothing heavy is imported here: ``pulumi stack export`` must answer at once.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_SHIM = """#!/bin/sh
# The stand-in Pulumi engine; install the Pulumi CLI and remove this file to use the real one.
exec {python} -P -c '
import sys
sys.path.insert(0, sys.argv.pop(1))
from rehearsal.engine.cli import main
main()' {root} "$@"
"""


def install_shim(bin_dir: Path) -> Path:
    """Write an executable ``pulumi`` into `bin_dir` that runs this engine with this interpreter; give its path."""
    bin_dir.mkdir(parents=True, exist_ok=True)
    shim = bin_dir / "pulumi"
    root = Path(__file__).resolve().parents[2]
    shim.write_text(_SHIM.format(python=shlex.quote(sys.executable), root=shlex.quote(str(root))))
    shim.chmod(0o755)
    return shim
