"""The README's list of tasks is what `fab --list` says: generated here, and checked."""

from __future__ import annotations

import os

from provision.tasks import collection
from tests.kit.fab import ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- tasks -->\n", "<!-- /tasks -->"


PER_RECIPE = {
    "setup": "Install a recipe and all that it needs",
    "example": "Set it up and run its example; results come here as they appear",
    "bench": "The same script on the CPU and on the GPU: a table, a plot and a JSON file",
}


def task_list() -> str:
    """Return the tasks as the README shows them: the verbs, then those that recipes bring."""
    rows: list[tuple[str, str]] = []
    recipes: dict[str, list[str]] = {kind: [] for kind in PER_RECIPE}
    for name, task in sorted(collection().tasks.items()):
        kind, _, recipe = name.partition("-")
        if recipe and kind in recipes:
            recipes[kind].append(recipe)
        else:
            words = [name, *(argument.upper() for argument in task.positional)]
            rows.append((" ".join(words), " ".join((task.__doc__ or "").split())))
    rows += [(f"{kind}-…", f"{PER_RECIPE[kind]}: {', '.join(names)}") for kind, names in recipes.items()]
    return "| task | |\n|---|---|\n" + "".join(f"| `fab {name}` | {about} |\n" for name, about in rows)


def test_the_readme_lists_every_task_with_its_help() -> None:
    text = README.read_text(encoding="utf-8")
    fresh = text.partition(BEGIN)[0] + BEGIN + task_list() + END + text.partition(END)[2]
    if os.environ.get("UPDATE_README"):
        README.write_text(fresh, encoding="utf-8")
        text = fresh
    assert text == fresh, "run: UPDATE_README=1 .venv/bin/pytest tests/tasks/test_readme.py"
