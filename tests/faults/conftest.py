"""The matrix of faults and moments, at the end."""

from __future__ import annotations

import pytest

from tests.faults import matrix


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what became of each cell."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    ended = {}
    for report in reports:
        told = dict(getattr(report, "user_properties", ()))
        if "seed" in told:
            terminalreporter.write_line(f"the walk went by GPURIG_WALK_SEED={told['seed']}")
        if "cell" in told and getattr(report, "when", "") == "call":
            ended[tuple(told["cell"])] = told.get("ended", "FAILED") if report.passed else "FAILED"
    if ended:
        terminalreporter.write_line(matrix.drawn(ended))
