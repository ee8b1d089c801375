"""The documentation of the catalogue, written from its metadata: `make pages` rewrites it in docs/."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from provision.pages import checks, matrix, recipe
from provision.pages.markdown import table

if TYPE_CHECKING:
    from provision.catalogue.catalogue import Catalogue

DOCS = Path(__file__).parents[2] / "docs"


def pages(catalogue: Catalogue) -> dict[str, str]:
    """Return every generated page: path below docs/ → Markdown."""
    return {
        "compatibility.md": matrix.page(catalogue) + checks.section(catalogue),
        "recipes/README.md": _index(catalogue),
        **{f"recipes/{name}.md": recipe.page(catalogue, name) for name in catalogue.recipes},
    }


def write(catalogue: Catalogue, docs: Path = DOCS) -> list[Path]:
    """Write all pages below `docs`, take away those of recipes that are gone; returns what changed."""
    fresh = {docs / path: text for path, text in pages(catalogue).items()}
    stale = [path for path in (docs / "recipes").glob("*.md") if path not in fresh]
    changed = [path for path, text in fresh.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        path.unlink()
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fresh[path], encoding="utf-8")
    return [*stale, *changed]


def _index(catalogue: Catalogue) -> str:
    rows = [
        [
            f"[{r.name}]({r.name}.md)",
            r.summary,
            r.version,
            recipe.document_link(r.document, r.document) if r.document else "",
            f"{r.minutes:g}",
            " ".join(f"`fab {kind}-{r.name}`" for kind in ("example", "bench") if getattr(r, kind)),
        ]
        for r in catalogue.ordered()
    ]
    return f"""# Recipes

What gpurig installs, each after what it needs. `fab setup-NAME` installs one with all that it needs; `fab recipes`
shows the list in the terminal, and `fab recipes NAME` one page.

- What works where: [compatibility](../compatibility.md)
- The way through each of the five documents: [documents](../documents/README.md)
- A recipe of your own: [add a recipe](../add-a-recipe.md)

{table(["recipe", "what it is", "version", "document", "minutes", "try it"], rows)}
Minutes are those of the install alone, on a fresh box of the smallest type. The pages of this folder are written from
the recipes' own `recipe.toml`: `make pages` writes them again.
"""
