"""Every way to render a catalogue: each recipe, from each source, on each image and kind of GPU that it fits."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from provision.bundle.render import render
from provision.bundle.step import Bundle
from provision.catalogue import cells, compatibility
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.recipe import Recipe
from provision.model.platforms import NO_GPU, gpus, images
from provision.model.target import Target

Rendered = tuple[tuple[str, Target, Bundle], ...]
CATALOGUE = Catalogue()
LICENCES = compatibility.licences(CATALOGUE)
VOLUME = "vol-0123456789abcdef0"
MIRRORS = {
    "git": {"https://github.com/": "http://mirror.example/git/"},
    "apt": {"http://archive.example/": "http://mirror.example/ubuntu~a/"},
    "pip": {"https://index.example/simple": "http://mirror.example/simple"},
    "conda": {"https://channels.example": "http://mirror.example/channels"},
}
GPUS = ((NO_GPU, "7.5"), *((name, gpus()[name].compute) for name in ("T4", "L4", "H100")))
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
# A verify script only looks: no word that changes something, and nothing is sent into a file.
_WRITES = re.compile(
    r"^\s*(?:if |! )*(?:rm|mv|cp|mkdir|touch|tee|install|ln|chmod|chown|point|apt_\w+|pip_install|make_venv|download"
    r"|start_service|systemctl (?:start|restart|enable|disable)|git (?:clone|fetch|checkout))\b"
    r"|\bsed -i|>>?\s*(?!&|/dev/null)[\"'$/\w]"
)


def target(
    image: str, gpu: tuple[str, str], sources: dict[str, str], *, full: bool, catalogue: Catalogue = CATALOGUE
) -> Target:
    """Return a target; a full one has everything that can be set, a bare one nothing."""
    allow = ("198.51.100.0/24", "2001:db8::/32")
    more = {"volume_id": VOLUME, "mirrors": MIRRORS, "idle_stop_minutes": 30, "lifetime_hours": 8, "allow": allow}
    user = images()[image].user
    model, compute = gpu
    return Target(
        image=image,
        gpu=model,
        compute=compute,
        user=user,
        sources=sources,
        licences=compatibility.licences(catalogue),
        unpinned=tuple(catalogue.recipes) if full else (),
        **(more if full else {}),  # type: ignore[arg-type]
    )


def choices(catalogue: Catalogue, recipe: Recipe, image: str, gpu: str) -> Iterator[dict[str, str]]:
    """Yield one choice of sources for each source of `recipe`; what it needs comes from the first that fits."""
    fitting = cells.best_target(catalogue, recipe.name, image, gpu).sources
    for source in recipe.sources or [""]:
        yield {**fitting, **({recipe.name: source} if source else {})}


def rendered(catalogue: Catalogue, names: Iterable[str]) -> Rendered:
    """Return recipe, target and bundle of every way in which these recipes fit."""
    every = itertools.product((catalogue.recipes[name] for name in names), images(), GPUS, (False, True))
    fits = [
        (recipe.name, goal)
        for recipe, image, gpu, full in every
        for sources in choices(catalogue, recipe, image, gpu[0])
        if not catalogue.problems([recipe.name], goal := target(image, gpu, sources, full=full, catalogue=catalogue))
    ]
    return tuple((name, goal, render([name], goal, catalogue)) for name, goal in fits)


@functools.cache
def bundles() -> Rendered:
    """Return recipe, target and bundle of everything that fits."""
    return rendered(CATALOGUE, CATALOGUE.recipes)


def scripts(ways: Rendered) -> dict[str, str]:
    """Return what bash runs of all these, by a name; what differs in values alone comes once."""
    found: dict[str, dict[str, str]] = {}
    for name, _, bundle in ways:
        texts = [("lib", bundle.lib)]
        for step in bundle.steps[-1:]:
            texts += [(f"{name}.install", step.install), (f"{name}.verify", step.verify)]
            texts += [
                (f"{name}.{Path(f['path']).name}", f["content"])
                for f in step.files
                if f["content"][:11] == "#!/bin/bash"
            ]
        for stem, text in texts:
            found.setdefault(stem, {}).setdefault(
                re.sub(r"^export .*\n|[0-9a-f]{40}|[\d.]+|ubuntu|admin", "0", text, flags=re.MULTILINE), text
            )
    return {f"{stem}.{number}": text for stem, same in found.items() for number, text in enumerate(same.values())}


def shellcheck(folder: Path, texts: dict[str, str]) -> str:
    """Return what shellcheck finds in scripts, by their names."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    # The library is a script of its own here: followed from each script, it would be read a hundred times.
    words = [str(SHELLCHECK), "--shell=bash", "--format=gcc", "--exclude=SC1091", *sorted(texts)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def writes(texts: dict[str, str]) -> list[str]:
    """Return the lines of verify scripts that change something."""
    lines = [(name, line) for name, text in texts.items() if ".verify." in name for line in text.splitlines()]
    return [f"{name}: {line}" for name, line in lines if not line.lstrip().startswith("#") and _WRITES.search(line)]


def addresses(catalogue: Catalogue) -> list[str]:
    """Return the addresses that stand elsewhere than in a recipe.toml; what is on the host itself is none."""
    folders = [recipe.folder for recipe in catalogue.recipes.values()]
    paths = [path for folder in folders for path in sorted(folder.rglob("[!.]*")) if path.is_file()]
    paths = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    found = []
    for path in paths:
        text = "" if path.name == "recipe.toml" else path.read_bytes().decode("utf-8", "replace")
        hits = re.findall(r"\b(?:https?|git|ssh)://(?!127\.0\.0\.1|localhost|unix:|[{$])[^\s\"'`)>]*", text)
        found += [f"{path}: {hit}" for hit in hits]
    return found
