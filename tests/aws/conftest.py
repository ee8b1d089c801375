"""A cloud in the process of the test, found by its environment, in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.cloud import Wired, serve


@pytest.fixture
def wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wired]:
    """Serve a cloud; the working folder is one without a project, so that what is kept lands there."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with serve(tmp_path) as wired:
        for name, value in wired.cloud.env.items():
            monkeypatch.setenv(name, value)
        yield wired
