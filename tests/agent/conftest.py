"""Fixtures of the provisioning tests: a catalogue's folder, and a host in a folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agent import kept_lab
from tests.agent.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Templates with an empty library: what these tests render needs no functions."""
    folder = tmp_path / "templates"
    (folder / "host").mkdir(parents=True)
    (folder / "recipes").mkdir()
    (folder / "host" / "lib.sh.j2").write_text("# no functions\n")
    monkeypatch.setattr("provision.bundle.render.TEMPLATES", folder)
    return folder


@pytest.fixture
def lab(tmp_path: Path, templates: Path) -> Iterator[Lab]:  # noqa: ARG001 - it renders with them
    """One host that no other test knows; its processes end with the test."""
    shm = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else tmp_path) as memory:
        host = Lab(tmp_path, Path(memory))
        yield host
        host.clean_up()


@pytest.fixture
def box(lab: Lab, tmp_path: Path) -> Lab:
    """A host that keeps builds on its job volume."""
    if not shutil.which("zstd"):
        pytest.skip("there is no zstd here")
    kept_lab.prepare(lab, tmp_path / "jobs")
    return lab
