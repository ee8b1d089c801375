"""Where a recipe comes from, in words: what a table under `[sources]` says to a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.catalogue.compatibility import PRESENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provision.catalogue.recipe import Recipe

_SHORT = 12
"""Characters of a hash that a table shows; the recipe has all of them."""


def origins(recipe: Recipe, table: Mapping[str, Any], source: str) -> list[list[str]]:
    """Return a row for each thing that comes from a source: what, pinned to what, licence, images."""
    things = list(_things(table)) or [(_about(recipe, table, source), str(table.get("release", "")))]
    first, *others = [[what, pin] for what, pin in things]
    licences = [*table.get("licences", recipe.licences)]
    licences += [f"{name} (with a GPU)" for name in table.get("gpu_licences", recipe.gpu_licences)]
    about = [", ".join(licences), ", ".join(table.get("images", ()))]
    return [[*first, *about], *([*other, "", ""] for other in others)]


def _about(recipe: Recipe, table: Mapping[str, Any], source: str) -> str:
    """Return what a source without an address is."""
    if "summary" in table or source == PRESENT:
        return str(table.get("summary", "what is there already"))
    pins = next((file.template for file in recipe.files if file.template.startswith("requirements")), "")
    if pins:
        return f"Python packages, by [{pins}](../../templates/recipes/{recipe.name}/{pins})"
    return f"see [install.sh.j2](../../templates/recipes/{recipe.name}/install.sh.j2)"


def _things(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a table, and the tables in it, name: what and its pin."""
    pins = [f"{key} {str(table[key])[:_SHORT]}" for key in ("commit", "sha256", "md5") if key in table]
    release = f"release {table['release']}" if table.get("release") else ""
    if "url" in table:
        ref = f", `{table['ref']}`" if "ref" in table else ""
        yield f"{_link(table['url'])}{ref}", pins[0] if pins else release
    if "apt" in table:
        packages = ", ".join(f"`{package}`" for package in table.get("packages", ()))
        yield f"{packages} of {_link(table['apt'])}", release
    for key in ("requirement", "requirements"):
        for line in [table[key]] if isinstance(table.get(key), str) else table.get(key, ()):
            name, _, pinned = str(line).partition(" --hash=")
            yield f"`{name.strip()}`", pinned.replace("sha256:", "sha256 ")[: _SHORT + 7]
    if "index" in table:
        yield f"wheels of {_link(table['index'])}", release
    for value in table.values():
        if isinstance(value, dict):
            yield from _things(value)


def _link(url: str) -> str:
    return f"<{url}>" if url.startswith("http") else f"`{url}`"
