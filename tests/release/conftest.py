"""One wheel, installed once, for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.fab import ROOT
from tests.release.wheel import Installed, built


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment, in a folder with a space in its name, that has the wheel."""
    folder = tmp_path_factory.mktemp("with space")
    (wheel,) = built(ROOT, folder / "dist", "wheel")
    return Installed(folder / "venv", wheel)


@pytest.fixture(scope="session")
def project(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `gpurig new` makes there."""
    above = tmp_path_factory.mktemp("my boxes")
    installed.run(above, "gpurig", "new", "first project")
    return above / "first project"
