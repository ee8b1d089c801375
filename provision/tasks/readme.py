"""The README's table of tasks, made from their declarations; to write it again: python -m provision.tasks.readme."""

from __future__ import annotations

from pathlib import Path

from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import TEMPLATES
from provision.tasks import collection, load

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- tasks -->\n", "<!-- /tasks -->"


def fresh() -> str:
    """Return the text of the README with a table of the tasks that there are."""
    text = README.read_text(encoding="utf-8")
    return text.partition(BEGIN)[0] + BEGIN + _table() + END + text.partition(END)[2]


def _table() -> str:
    """Return a row for each verb, then one for those of all recipes that have one."""
    rows: list[tuple[str, str]] = []
    recipes: dict[str, list[str]] = {}
    # The repository's own recipes and no others: $GPURIG_RECIPES is the user's.
    for name, task in sorted(collection(Catalogue(TEMPLATES / "recipes")).tasks.items()):
        if task.recipe:
            recipes.setdefault(task.body.__name__, []).append(task.recipe.name)
        else:
            words = [name, *(argument.upper() for argument in task.positional)]
            rows.append((" ".join(words), " ".join(task.__doc__.split())))
    for kind in sorted(recipes, reverse=True):
        about = str(load("recipe_verbs", kind).__doc__).rstrip(".")
        rows.append((f"{kind}-…", f"{about}: {', '.join(recipes[kind])}"))
    return "| task | |\n|---|---|\n" + "".join(f"| `fab {name}` | {about} |\n" for name, about in rows)


if __name__ == "__main__":
    README.write_text(fresh(), encoding="utf-8")
