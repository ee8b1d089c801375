"""Render recipes for a host into a bundle.

Rendering is pure and deterministic: the same recipes and target give the same bytes on every machine.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import shlex
import traceback
from typing import TYPE_CHECKING, Any, Literal

from provision.agent.paths import MACHINE_HOME, PREFIX
from provision.bundle import kept, lean, slim
from provision.bundle.step import Bundle, Step
from provision.catalogue import recipe_file
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.compatibility import CUDA
from provision.catalogue.folders import TEMPLATES
from provision.model.busy import BEFORE_STOP_MINUTES
from provision.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import jinja2

    from provision.catalogue.recipe import Recipe
    from provision.model.target import Target

    Variables = list[tuple[str, str]]
    """Environment to export, in this order: a later value may build on an earlier one of the same name."""


_CALLS_PIP = re.compile(r"venv|\bpip(_|\b)")
"""In a script that calls pip, itself or by a function of the library: what else does needs no settings of it."""
ACTIVATE = "activate.sh"
"""What says, below PREFIX and the recipe's name, how to work with a recipe: notebooks find its environment by that."""


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 - 40 ms that `fab --list` need not pay

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - bash and systemd units, not HTML
    )
    environment.filters["quote"] = shlex.quote
    environment.filters["unit"] = _in_unit
    return environment


def _in_unit(value: str) -> str:
    """Return a value for a line of a systemd unit as it is. Raises `ValueError` for one that would mean more there.

    Nothing is quoted: each key of a unit has rules of its own for that, and some, such as User=, know none.
    """
    if not re.fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./:@-]*", value, re.ASCII):
        raise ValueError(f"{value!r} cannot stand in a unit")
    return value


@functools.cache
def _template(text: str) -> jinja2.Template:
    return _environment().from_string(text)


def _expand(text: str, where: str, **values: object) -> str:
    """Return a template's text with its values. Raises `BadInput` with `where` and the line when that cannot be."""
    import jinja2  # noqa: PLC0415

    try:
        return _template(text).render(**values)
    except (jinja2.TemplateError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        # jinja2 rewrites its tracebacks: the innermost frame is the template's own line.
        line = getattr(error, "lineno", None) or traceback.extract_tb(error.__traceback__)[-1].lineno
        raise BadInput([f"{where}:{line}: {error}"]) from error


def _render(path: Path, **values: object) -> str:
    return _expand(recipe_file.read(path), str(path), **values)


def _mirrored(value: object, target: Target) -> Any:
    """Return a recipe's source table with every address sent through the mirrors."""
    if isinstance(value, dict):
        kinds = {"url": "git" if "commit" in value else "download", "apt": "apt", "index": "pip", "image": "oci"}
        return {
            key: target.mirrored(kinds[key], item)
            if key in kinds and isinstance(item, str)
            else _mirrored(item, target)
            for key, item in value.items()
        }
    return value


def _notes(recipe: Recipe, target: Target, source: dict[str, Any]) -> tuple[str, ...]:
    notes = {
        f"from {source['name']}": source["name"] != next(iter(recipe.sources), ""),
        "commit not checked (unpinned)": recipe.name in target.unpinned,
        "through a mirror": any(source[key] != value for key, value in recipe.sources.get(source["name"], {}).items()),
    }
    return tuple(note for note, holds in notes.items() if holds)


def _script(body: str, env: Variables) -> str:
    """Return a whole script: the environment of what the recipe needs, strict mode, the functions, then the body.

    The environment goes first, as in a login shell: a value may name a variable that is not set.
    """
    exports = [f'export {name}="{value}"' for name, value in env]
    return "\n".join(["#!/bin/bash", *exports, "set -euo pipefail", '. "${0%/*}/lib.sh"', body])


def _values(recipe: Recipe, target: Target) -> dict[str, Any]:
    """Return what the templates of a recipe see."""
    return {
        "recipe": recipe,
        "target": target,
        "source": {"name": (source := recipe.source_for(target)), **_mirrored(recipe.sources.get(source, {}), target)},
        "pinned": recipe.name not in target.unpinned,
        "others": recipe.others(target),
        "undo_of": lambda name: undo_of(recipe, target.taking(recipe.name, name)),
        "home": str(MACHINE_HOME),
        "prefix": PREFIX,
        "before_stop_minutes": BEFORE_STOP_MINUTES,
    }


def _expand_key(recipe: Recipe, target: Target, key: str, text: str) -> str:
    """Return the template that a recipe's recipe.toml has under `key`, rendered."""
    return _expand(text, f"{recipe.folder / 'recipe.toml'}: {key}", **_values(recipe, target))


def _activation(recipe: Recipe, target: Target) -> Variables:
    return [(key, _expand_key(recipe, target, f"activate.{key}", value)) for key, value in recipe.activate.items()]


def _step(recipe: Recipe, target: Target, env: Variables) -> Step:
    values = _values(recipe, target)
    env_of_recipe = {name: _expand_key(recipe, target, f"env.{name}", value) for name, value in recipe.env.items()}
    files = []
    for file in (*recipe.files, *(file for folder in recipe.folders for file in folder.files(recipe.folder))):
        path = recipe.folder / file.template
        content = recipe_file.read(path) if file.verbatim or file.lean else _render(path, **values)
        content = lean.module(content) if file.lean else content
        files.append({"path": file.path, "mode": file.mode, "content": content})
    if recipe.activate:
        exports = "".join(f'export {name}="{value}"\n' for name, value in _activation(recipe, target))
        files.append({"path": f"{PREFIX}/{recipe.name}/{ACTIVATE}", "mode": "0644", "content": exports})
    return Step(
        name=recipe.name,
        # A source that carries another release than the recipe names says so itself.
        version=str(values["source"].get("release", recipe.version)) or "as found",
        install=_script(_render(recipe.folder / "install.sh.j2", **values), env),
        verify=_script(_render(recipe.folder / "verify.sh.j2", **values), [*env, *env_of_recipe.items()]),
        files=tuple(files),
        env=env_of_recipe,
        timeout=int(recipe.minutes * 600) + 300,
        disk_gib=recipe.disk_gib,
        reboot=recipe.reboot,
        builds=recipe.builds,
        undo=undo_of(recipe, target),
        notes=_notes(recipe, target, values["source"]),
        recipe=json.dumps([recipe.version, recipe.sources, recipe_file.read(recipe.folder / "install.sh.j2")]),
        keeps=kept.folders(recipe, [_expand_key(recipe, target, "keeps", text) for text in recipe.keeps]),
    )


def render(names: Iterable[str], target: Target, catalogue: Catalogue | None = None) -> Bundle:
    """Render recipes, with all that they need, for `target`.

    Raises `BadInput` with every reason when a recipe is unknown, does not fit the target, or does not render.
    """
    names = tuple(names)
    catalogue = catalogue or Catalogue()
    steps: dict[str, Step] = {}
    for recipe in catalogue.order(names, target):
        # What else is in the bundle must not change a step: its digest would, and what is there would be built again.
        needed = catalogue.closure([recipe.name], target.gpu)
        upon = [step for name, step in steps.items() if name in needed]
        env = [pair for step in upon for pair in step.env.items()]
        before = catalogue.before(recipe.name, target.gpu)
        step = dataclasses.replace(_step(recipe, target, env), needs=tuple(name for name in steps if name in before))
        steps[recipe.name] = kept.keyed(step, upon, target)
    scripts = [text for step in steps.values() for text in (step.install, step.verify)]
    cuda = catalogue.recipes[CUDA].others(target) if CUDA in catalogue.recipes else []
    values = {"target": target, "home": str(MACHINE_HOME), "prefix": PREFIX, "cuda_sources": cuda}
    lib = _render(TEMPLATES / "host" / "lib.sh.j2", pip=any(map(_CALLS_PIP.search, scripts)), **values)
    return Bundle(
        name="+".join(names),
        steps=tuple(steps.values()),
        lib=slim.library(lib, scripts),
        kept=kept.keeper_settings(steps.values(), target),
    )


def undo_of(recipe: Recipe, target: Target) -> str:
    """Return how to take a recipe off by hand, from where it came on that host; "" where there is nothing of it.

    Raises `BadInput`, with the key, when it does not render.
    """
    return " ".join(_expand_key(recipe, target, "undo", recipe.undo).split())


def activation(name: str, target: Target, catalogue: Catalogue | None = None) -> Variables:
    """Return what a login shell exports, in this order, to work with a recipe. Raises `BadInput`, with a bad key."""
    recipe = (catalogue or Catalogue()).recipes.get(name)
    if recipe is None:
        raise BadInput([f'there is no recipe "{name}"; `fab recipes` lists those that there are'])
    return _activation(recipe, target)


def command_of(recipe: Recipe, kind: Literal["example", "bench"], target: Target) -> str:
    """Return the shell command of a recipe's trial. Raises `BadInput` with the key when it does not render."""
    return _expand_key(recipe, target, f"{kind}.command", getattr(recipe, kind).command)
