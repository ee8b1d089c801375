"""The example that provisions a plain machine from Python: no Pulumi, no EC2, the user's own known_hosts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.kit.box import Machine

EXAMPLE = Path(__file__).parents[2] / "examples" / "provision_from_python.py"


def test_the_example_installs_base_on_a_machine_that_known_hosts_knows(machine: Machine, home: Path) -> None:
    command = [sys.executable, str(EXAMPLE), f"ubuntu@{machine.host.address}", "base"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(command, env=clean, cwd=home, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "step base installed" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ready")
