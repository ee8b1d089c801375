"""The README's list of tasks is what `fab --list` says: generated here, and checked."""

from __future__ import annotations

import os
from pathlib import Path

from provision.tasks import collection

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- tasks -->\n", "<!-- /tasks -->"


def task_list() -> str:
    """Return the tasks as the README shows them."""
    rows = sorted((name, " ".join((task.__doc__ or "").split())) for name, task in collection().tasks.items())
    return "| task | |\n|---|---|\n" + "".join(f"| `fab {name}` | {about} |\n" for name, about in rows)


def test_the_readme_lists_every_task_with_its_help() -> None:
    text = README.read_text(encoding="utf-8")
    fresh = text.partition(BEGIN)[0] + BEGIN + task_list() + END + text.partition(END)[2]
    if os.environ.get("UPDATE_README"):
        README.write_text(fresh, encoding="utf-8")
        text = fresh
    assert text == fresh, "run: UPDATE_README=1 .venv/bin/pytest tests/tasks/test_readme.py"
