"""Prowler, pointed at the rehearsal cloud after `up`, finds nothing high that the threat model does not name."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.lab import ROOT
from tests.infra.stack import SETTINGS, Stack, open_stack

PROWLER = ROOT / ".venv-prowler" / "bin" / "prowler"
SERVICES = ("ec2", "vpc", "iam")
MINUTES = 30


def found(stack: Stack, folder: Path) -> set[str]:
    """Return the ids of the checks of high and critical severity that fail."""
    if not PROWLER.exists():
        pytest.skip(f"{PROWLER} is not there: make test-nightly installs it")
    where = ["--service", *SERVICES, "--region", "us-east-1", "--severity", "high", "critical"]
    written = ["--output-formats", "json-ocsf", "--output-directory", str(folder), "--output-filename", "scan"]
    words = [str(PROWLER), "aws", *where, *written, "--no-banner", "--no-color", "--ignore-exit-code-3"]
    env = {**stack.env, "HOME": str(folder)}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=MINUTES * 60)
    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = folder.rglob("scan.ocsf.json")
    rows = json.loads(report.read_text(encoding="utf-8"))
    assert {row["status_code"] for row in rows} >= {"PASS", "FAIL"}, "it looked at something"
    return {row["metadata"]["event_code"] for row in rows if row["status_code"] == "FAIL"}


def named() -> set[str]:
    """Return the ids that the threat model names."""
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    section = text.partition("## What a scan of the account finds")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([a-z0-9_]+)`", section, re.MULTILINE))


@pytest.mark.nightly
def test_every_high_finding_is_named_and_every_named_one_is_found(tmp_path: Path) -> None:
    with open_stack(tmp_path) as stack:
        stack.up(**SETTINGS)
        (tmp_path / "scan").mkdir()
        assert found(stack, tmp_path / "scan") == named()
