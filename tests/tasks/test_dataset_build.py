"""`fab dataset-build`: what is wrong with a command is told before a host is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kit.fab import refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["retina"], "--from is missing: the folder of the pictures"),
        (["../retina", "--from", "eyes"], "cannot be a data set's name"),
    ],
)
def test_a_command_that_cannot_work_ends_here(tmp_path: Path, words: list[str], said: str) -> None:
    assert said in refused(tmp_path, "dataset-build", *words)
