"""Compare trainings by spread.py on some numbers of hosts, in one table: python table.py results/*/*/spread.json.

Standard library only: it runs where the results are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LIKE = ("net", "epochs", "pretrain", "pictures", "mnist", "batch", "rate", "seed", "device")
"""What has to be the same for trainings to be compared."""


def rows(reports: list[dict[str, Any]]) -> list[list[str]]:
    """Return a row for each phase of each training, compared with that on the fewest processes."""
    found = []
    for report in sorted(reports, key=lambda one: (*(str(one[key]) for key in LIKE), one["processes"])):
        first = min((one for one in reports if _like(one) == _like(report)), key=lambda one: one["processes"])
        for phase, base in zip(report["phases"], first["phases"]):  # noqa: B905 - of like trainings: the same phases
            speed, before = phase["pictures_per_second"], base["pictures_per_second"]
            efficiency = speed / before * first["processes"] / report["processes"]
            last = phase is report["phases"][-1]
            found.append(
                [
                    report["net"],
                    phase["phase"],
                    str(report["hosts"]),
                    str(report["processes"]),
                    f"{speed:,.0f}",
                    f"{efficiency:.0%}",
                    f"{report['error']:.4f}" if last else "",
                ]
            )
    return found


def _like(report: dict[str, Any]) -> list[Any]:
    return [report[key] for key in LIKE]


def main() -> None:
    """Print the table."""
    if not sys.argv[1:]:
        sys.exit("python table.py SPREAD.JSON ...")
    reports = [json.loads(Path(word).read_text(encoding="utf-8")) for word in sys.argv[1:]]
    head = ["network", "phase", "hosts", "processes", "pictures a second", "efficiency", "test error"]
    for row in (head, ["---"] * len(head), *rows(reports)):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
