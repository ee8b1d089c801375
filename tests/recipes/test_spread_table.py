"""The table of trainings on one and several hosts: each beside the one on the fewest processes that is like it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from provision.catalogue.folders import TEMPLATES

TABLE = TEMPLATES / "recipes" / "pytorch" / "example" / "table.py"
LIKE = {"epochs": 4, "pretrain": 2, "pictures": 600, "mnist": False, "batch": 300, "rate": 0.1, "device": "cpu"}


def report(net: str, hosts: int, processes: int, speeds: list[float], error: float, seed: int = 0) -> dict[str, Any]:
    """Return what spread.py writes."""
    phases = [{"phase": f"phase {n}", "pictures_per_second": speed} for n, speed in enumerate(speeds, 1)]
    return {
        **LIKE,
        "net": net,
        "seed": seed,
        "hosts": hosts,
        "processes": processes,
        "phases": phases,
        "error": error,
    }


def test_efficiency_is_of_the_fewest_processes_and_other_trainings_are_apart(tmp_path: Path) -> None:
    reports = [
        report("lenet", 3, 6, [4500], 0.031),
        report("lenet", 1, 2, [2000], 0.03),
        report("dbn", 1, 1, [1000, 800], 0.05),
        report("dbn", 2, 2, [1800, 1600], 0.05),
        report("dbn", 1, 1, [500, 400], 0.06, seed=1),
    ]
    files = [tmp_path / f"{number}.json" for number in range(len(reports))]
    for file, one in zip(files, reports, strict=True):
        file.write_text(json.dumps(one))
    done = subprocess.run([sys.executable, TABLE, *files], capture_output=True, text=True, check=True)
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    assert head == ["network", "phase", "hosts", "processes", "pictures a second", "efficiency", "test error"]
    assert rows == [
        ["dbn", "phase 1", "1", "1", "1,000", "100%", ""],
        ["dbn", "phase 2", "1", "1", "800", "100%", "0.0500"],
        ["dbn", "phase 1", "2", "2", "1,800", "90%", ""],
        ["dbn", "phase 2", "2", "2", "1,600", "100%", "0.0500"],
        ["dbn", "phase 1", "1", "1", "500", "100%", ""],
        ["dbn", "phase 2", "1", "1", "400", "100%", "0.0600"],
        ["lenet", "phase 1", "1", "2", "2,000", "100%", "0.0300"],
        ["lenet", "phase 1", "3", "6", "4,500", "75%", "0.0310"],
    ]
