"""The README's list of tasks is what they declare."""

from __future__ import annotations

from provision.tasks import readme


def test_the_readme_lists_every_task_with_its_help() -> None:
    assert readme.README.read_text(encoding="utf-8") == readme.fresh(), "run: make pages"
