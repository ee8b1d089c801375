"""Fixtures of the agent's tests: a host in a folder, with a job volume or without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.agent import kept_lab
from tests.kit.host import Lab, lab, templates

__all__ = ["lab", "templates"]


@pytest.fixture
def box(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A host that keeps builds on its job volume, and its user's home."""
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    if not shutil.which("zstd"):
        pytest.skip("there is no zstd here")
    kept_lab.prepare(lab, tmp_path / "jobs")
    return lab
