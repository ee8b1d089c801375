"""The page of one recipe: what it is, where it comes from, where it works, how to try it and how to be rid of it."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from provision.bundle.render import activation, render
from provision.catalogue.cells import State, best_target, cell
from provision.catalogue.compatibility import oldest_driver
from provision.model.errors import BadInput
from provision.model.files import FILES
from provision.model.platforms import NO_GPU, gpus, images
from provision.pages import checks, matrix
from provision.pages.markdown import bullets, commands, section, table
from provision.pages.origin import origins

if TYPE_CHECKING:
    from provision.bundle.render import Variables
    from provision.bundle.step import Step
    from provision.catalogue.catalogue import Catalogue
    from provision.catalogue.recipe import Recipe
    from provision.model.target import Target

DOCUMENTS = FILES / "docs" / "documents"


@functools.cache
def _documents() -> dict[str, tuple[str, str]]:
    """Return number → file name and title of the pages about the five documents."""
    found = {}
    for path in sorted(DOCUMENTS.glob("[0-9]*-*.md")):
        title = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        found[path.name.partition("-")[0]] = (path.name, title)
    return found


def document_link(number: str, text: str = "") -> str:
    """Return a link from a page in docs/recipes to a document's. Raises `BadInput` where there is none."""
    if number not in _documents():
        raise BadInput([f'there is no page {DOCUMENTS}/{number}-….md for document "{number}"'])
    name, title = _documents()[number]
    return f"[{text or title}](../documents/{name})"


def page(catalogue: Catalogue, name: str) -> str:
    """Return a recipe's page as Markdown."""
    recipe = catalogue.recipes[name]
    goal = _goal(catalogue, recipe)
    step = render([name], goal, catalogue).steps[-1]
    return "".join(
        (
            f"# {name}\n\n{recipe.summary}.\n\n",
            _facts(catalogue, recipe),
            section("Install", commands([_setup(catalogue, recipe)]), _licences(catalogue, recipe)),
            section("Where it comes from", _origins(recipe), _files(recipe)),
            section("Where it works", matrix.of_recipe(catalogue, name), checks.of_recipe(recipe)),
            section("Try it", *_trials(recipe)),
            section("What counts as installed", *_checks(step)),
            section("Environment", *_environment(step, activation(name, goal, catalogue))),
            section("Take it off", commands(part.strip() for part in step.undo.split(";")) if step.undo else ""),
        )
    )


def _needed(catalogue: Catalogue, recipe: Recipe) -> list[Recipe]:
    """Return what a recipe needs at any depth, in order, itself left out."""
    wanted = catalogue.closure([recipe.name]) - {recipe.name}
    return [other for other in catalogue.ordered() if other.name in wanted]


def _facts(catalogue: Catalogue, recipe: Recipe) -> str:
    needed = _needed(catalogue, recipe)
    minutes = sum(r.minutes for r in (recipe, *needed))
    disk = sum(r.disk_gib for r in (recipe, *needed))
    only_gpu = catalogue.closure([recipe.name]) - catalogue.closure([recipe.name], NO_GPU)
    links = [f"[{r.name}]({r.name}.md){' (with a GPU)' if r.needs_gpu or r.name in only_gpu else ''}" for r in needed]
    ports = ", ".join(f"`fab tunnel --port {port}`" for port in recipe.ports)
    driver = oldest_driver(catalogue, recipe.name)
    more = bool(needed)
    rows = [
        ["version", recipe.version],
        ["document", document_link(recipe.document) if recipe.document else ""],
        ["needs", ", ".join(links)],
        ["cannot stand beside", ", ".join(f"[{other}]({other}.md)" for other in recipe.conflicts)],
        ["minutes", f"{recipe.minutes:g}" + (f", {minutes:g} with all that it needs" if more else "")],
        ["disk", f"{recipe.disk_gib:g} GiB" + (f", {disk:g} with all that it needs" if more else "")],
        ["NVIDIA driver", f"{driver} or newer, where there is a GPU" if driver else ""],
        ["service", f"`{recipe.unit}`" if recipe.unit else ""],
        ["open it", ports],
        ["reboot", "yes, by itself; the setup goes on after it" if recipe.reboot else ""],
    ]
    return table(["", ""], [row for row in rows if row[1]])


def _asked(catalogue: Catalogue, recipe: Recipe) -> dict[str, list[str]]:
    """Return the licences that the default way asks for: licence → recipes."""
    found: dict[str, list[str]] = {}
    goal = _goal(catalogue, recipe)
    for other in (*_needed(catalogue, recipe), recipe):
        for licence in other.licences_for(goal):
            found.setdefault(licence, []).append(other.name)
    return found


def _setup(catalogue: Catalogue, recipe: Recipe) -> str:
    return " ".join([f"fab setup-{recipe.name}", *(f"--accept {licence}" for licence in _asked(catalogue, recipe))])


def _licences(catalogue: Catalogue, recipe: Recipe) -> str:
    asked = _asked(catalogue, recipe)
    if not asked:
        return ""
    whose = ", ".join(f"`{licence}` ({', '.join(names)})" for licence, names in asked.items())
    once = "Say it once for all under `acceptLicences` in the stack's configuration, or `licences` in `hosts.toml`."
    return f"`--accept` says that you have read and accept a licence: {whose}. {once}"


def _origins(recipe: Recipe) -> str:
    rows = [[f"`{source}`", *row] for source, keys in recipe.sources.items() for row in origins(recipe, keys, source)]
    if not rows:
        return ""
    note = f"The first is the default; `--source {recipe.name}=NAME` takes another.\n\n"
    head = ["source", "what", "pinned to", "licence", "images"]
    return (note if len(recipe.sources) > 1 else "") + table(head, rows)


def _files(recipe: Recipe) -> str:
    paths = [*(file.path for file in recipe.files), *(folder.path for folder in recipe.folders)]
    puts = ", ".join(f"`{path}`" for path in paths)
    folder = f"[templates/recipes/{recipe.name}](../../templates/recipes/{recipe.name})"
    return f"{f'It puts {puts} on the host. ' if puts else ''}The scripts and all pins: {folder}."


def _trials(recipe: Recipe) -> list[str]:
    """Return what the example and the bench do, and how to run them."""
    parts = [f"{recipe.no_example[0].upper()}{recipe.no_example[1:]}."] if recipe.no_example else []
    if example := recipe.example:
        what = f"About {example.minutes:g} minute{'s' * (example.minutes != 1)}: {example.summary or 'its example'}."
        comes = "Results come to your machine as they appear"
        pictures = f", and a contact sheet of `{example.pictures}` at the end" if example.pictures else ""
        needs = "".join(f" It sets [{name}]({name}.md) up too." for name in example.needs)
        parts += [commands([f"fab example-{recipe.name}"]), f"{what} {comes}{pictures}.{needs}"]
    if bench := recipe.bench:
        about = bench.summary or "The same work on the CPU and on the GPU of one host, same data, same seed"
        parts += [commands([f"fab bench-{recipe.name}"]), f"{about}: a table, a plot and a JSON file in `results/`."]
    return parts


def _goal(catalogue: Catalogue, recipe: Recipe) -> Target:
    """Return the first place in the tables where the recipe works, a GPU before none."""
    places = [(image, gpu) for gpu in (*gpus(), NO_GPU) for image in images()]
    works = [place for place in places if cell(catalogue, recipe.name, *place).state is not State.NO]
    return best_target(catalogue, recipe.name, *(works or places)[0])


def _checks(step: Step) -> list[str]:
    """Return the sentences of the verify script, as it is for the default way."""
    said = re.findall(r'^\s*want "((?:[^"\\]|\\.)*)"', step.verify, flags=re.MULTILINE)
    plain = [re.sub(r"\$\{?\w+\}?", "…", sentence.partition(": $")[0]).replace('\\"', '"') for sentence in said]
    points = bullets(dict.fromkeys(plain))
    return [f"`fab plan --recipe {step.name}` looks at the machine, and so does every setup:", points] if points else []


def _environment(step: Step, own: Variables) -> list[str]:
    """Return what login shells get, and what only runs with the recipe get."""
    parts = []
    if step.env:
        parts += ["Login shells, and the recipes that need it:", commands(f'{k}="{v}"' for k, v in step.env.items())]
    if own:
        parts += [f"Runs with `fab run --with {step.name}` alone:", commands(f'{k}="{v}"' for k, v in own)]
    return parts
