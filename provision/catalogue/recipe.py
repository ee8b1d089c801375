"""A recipe, as its recipe.toml describes it."""

from __future__ import annotations

import dataclasses
import functools
import tomllib
from typing import TYPE_CHECKING, Any

from provision.catalogue import recipe_file
from provision.catalogue.recipe_file import File, Folder
from provision.model.errors import BadInput
from provision.model.platforms import NO_GPU, images
from provision.model.schema import ANY, FLAG, MODE, NUMBER, PORTS, STRING, STRINGS, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provision.model.target import Target


SUPPORTS = {"table": "supports"}
"""Marks a field whose key stands in the table [supports]."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """What a recipe brings to show that it works: a command that runs in its `example` folder on the host.

    What the command writes into the folder `$GPURIG_RESULTS` comes to the user's machine; `$GPURIG_DEVICE` says what to
    compute on: "cpu", "gpu", or "auto".
    """

    command: str
    """A template of a shell command; the user's own arguments are added at its end."""
    summary: str = ""
    minutes: float = 5
    """How long it takes on a GPU box of the smallest type."""
    pictures: str = ""
    """Pattern of the result pictures that make up a contact sheet ("out_*.png"); "" for none."""
    needs: tuple[str, ...] = ()
    """Recipes that it works with beside its own: they are set up too, before it runs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One unit of software: what it needs, where it comes from, what it supports.

    Each field but the first two is a key of `recipe.toml`: the type says what it may be.
    """

    name: str
    folder: Path
    summary: str
    version: str
    needs: tuple[str, ...] = ()
    needs_on_gpu: tuple[str, ...] = ()
    """Needed too, except on a host that is declared to have no GPU: there it is built without CUDA."""
    goes_with: tuple[str, ...] = ()
    """Needed to work with, and not to install: they come too, and its install does not wait for theirs."""
    conflicts: tuple[str, ...] = ()
    minutes: float = 1
    """How long the install takes on a fresh box of the smallest type; a setup allows ten times as much."""
    disk_gib: float = 0
    """Free space on the root file system that the install needs."""
    needs_gpu: bool = False
    """Skipped, when only needed by another recipe, on a host that is declared to have no GPU."""
    reboot: bool = False
    """The install may end with exit code 100: reboot, then verify."""
    builds: bool = False
    """The install compiles: it takes every core and the memory to go with them, so that one such goes at a time."""
    licences: tuple[str, ...] = ()
    """Licences that the user has to accept by these names."""
    gpu_licences: tuple[str, ...] = ()
    """Licences of what comes with it only where there is a GPU."""
    changes_network: bool = False
    """It changes the rules or bridges of the host's network: nothing for a box that shares another machine's."""
    ports: tuple[int, ...] = ()
    cluster: bool = False
    """Set up, it makes all hosts one cluster of Ray, and its example runs there as a job."""
    unit: str = ""
    """The systemd service that it runs as."""
    health: str = ""
    """URL on the host that answers 200 when the service is up."""
    keeps: tuple[str, ...] = ()
    """Templates of folders with what it built: kept on the job volume, and put back before an install elsewhere."""
    undo: str = ""
    """A template of how to take it off by hand; shown when the install fails and there was none before."""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment that it gives to recipes after it and to login shells; values may use `$PATH` and the like."""
    activate: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment of runs `--with` this recipe alone, written as `env` is: a Python of its own on PATH."""
    document: str = ""
    """Number of the document that it serves ("002"); "" for none."""
    no_example: str = ""
    """Why there is nothing to run, for a recipe that serves a document without an example of its own."""
    example_of: str = ""
    """The recipe beside it in whose folder `example` lies that it runs as well; "" for its own."""
    example: Trial | None = None
    """What `fab example-<name>` runs."""
    bench: Trial | None = None
    """What `fab bench-<name>` runs, on the CPU and on the GPU; writes `bench.json` into its results."""
    files: tuple[File, ...] = ()
    folders: tuple[Folder, ...] = ()
    images: tuple[str, ...] = dataclasses.field(default=(), metadata=SUPPORTS)
    """Images that it supports; empty: all."""
    compute: tuple[str, ...] = dataclasses.field(default=(), metadata=SUPPORTS)
    """Compute capabilities that it supports; empty: all."""
    driver: int = dataclasses.field(default=0, metadata=SUPPORTS)
    """Oldest branch of NVIDIA's driver that it works with (520); 0: any, or none."""
    no: Mapping[str, str] = dataclasses.field(default_factory=dict, metadata=SUPPORTS)
    """Image or compute capability → why it does not work there, in words."""
    known: Mapping[str, str] = dataclasses.field(default_factory=dict, metadata=SUPPORTS)
    """Image or compute capability → what vendors or users say of it there, where nobody here has seen it."""
    built: tuple[Mapping[str, str], ...] = dataclasses.field(default=(), metadata=SUPPORTS)
    """Where it was compiled from its pinned sources: tables of `image`, `compute`, `cuda` (the release) and `date`."""
    tried: tuple[Mapping[str, str], ...] = dataclasses.field(default=(), metadata=SUPPORTS)
    """Where it was seen to work: tables of `image`, `gpu` (a model or "none") and, where it matters, `source`."""
    sources: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    """Where it can be taken from, the default first; the install script reads the chosen table as `source`."""

    def with_trial(self, trial: Trial | None) -> tuple[str, ...]:
        """Return the names of what is set up on a host before a trial of this recipe runs there, itself first."""
        return (self.name, *(trial.needs if trial else ()))

    @property
    def example_folder(self) -> Path:
        """The folder in which its example and its bench run, on this machine."""
        return recipe_file.example_folder(self.folder, self.example_of)

    def source_for(self, target: Target) -> str:
        """Return the name of the source that `target` takes this recipe from ("" where there is no choice).

        The default is the first one that is for the target's GPU.
        """
        if self.name in images()[target.image].has and "present" in self.sources:
            return target.sources.get(self.name, "present")
        fitting = (name for name in self.sources if not self.outside(name, target))
        return target.sources.get(self.name, next(fitting, next(iter(self.sources), "")))

    def outside(self, source: str, target: Target) -> str:
        """Return why a source is not for a target's GPU, by its `since` and `until`; "" where it is."""
        table = self.sources.get(source, {})
        until = table.get("until", {})
        if isinstance(until, str):
            until = {target.image: until}
        if number(target.compute) < number(table.get("since", "")):
            return str(table.get("before", "it is for newer GPUs"))
        if number(target.compute) > number(until.get(target.image, target.compute)):
            return str(table.get("beyond", "it is for older GPUs"))
        return ""

    def images_from(self, source: str) -> tuple[str, ...]:
        """Return the images that this recipe supports when it is taken from `source`."""
        return tuple(self.sources.get(source, {}).get("images", self.images) or images())

    def others(self, target: Target) -> list[str]:
        """Return the sources, beside what the image brings, from which it can be taken on that image, for that GPU."""
        fitting = [name for name in self.sources if name != "present" and not self.outside(name, target)]
        return [name for name in fitting if target.image in self.images_from(name)]

    def licences_for(self, target: Target) -> tuple[str, ...]:
        """Return the licences to accept for the chosen source on this target."""
        table = self.sources.get(self.source_for(target), {})
        on_gpu = () if target.gpu == NO_GPU else table.get("gpu_licences", self.gpu_licences)
        return (*table.get("licences", self.licences), *on_gpu)


def number(compute: str) -> tuple[int, ...]:
    """Return a compute capability as what can be compared: 12.0 comes after 9.0, and "" before all."""
    return tuple(int(part) for part in compute.split(".") if part)


_TRIAL = {"command": STRING, "summary": STRING, "minutes": NUMBER, "pictures": STRING, "needs": STRINGS}
_CHECKS: dict[str, Any] = {
    "str": STRING,
    "bool": FLAG,
    "int": NUMBER,
    "float": NUMBER,
    "tuple[str, ...]": STRINGS,
    "tuple[int, ...]": PORTS,
    "Mapping[str, str]": {"*": STRING},
    "tuple[Mapping[str, str], ...]": TABLES,
    "Trial | None": _TRIAL,
    "tuple[File, ...]": {"*": {"template": STRING, "mode": MODE, "lean": FLAG}},
    "tuple[Folder, ...]": {"*": {"folder": STRING, "mode": MODE}},
    "Mapping[str, Mapping[str, Any]]": {
        "*": {**dict.fromkeys(("licences", "gpu_licences", "images"), STRINGS), "*": ANY}
    },
}
"""Type of a field → what its key may be."""


@functools.cache
def schema() -> dict[str, Any]:
    """Return what the keys of a `recipe.toml` may be, as `mismatches` takes it."""
    found: dict[str, Any] = {SUPPORTS["table"]: {}}
    for field in dataclasses.fields(Recipe)[2:]:
        table = found[field.metadata["table"]] if field.metadata else found
        table[field.name] = _CHECKS[str(field.type)]
    return found


def load_recipe(folder: Path) -> Recipe:
    """Read a recipe's folder. Raises `BadInput` with everything that is wrong in it."""
    path = folder / "recipe.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput([f"{path}: {error}"]) from error
    if problems := recipe_file.problems(folder, table, schema()):
        raise BadInput(problems)
    supports = table.pop(SUPPORTS["table"], {})
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in {**table, **supports}.items()}
    for key in ("example", "bench"):
        fields[key] = Trial(**table[key]) if key in table else None
    for key, kind in (("files", File), ("folders", Folder)):
        fields[key] = tuple(kind(path=target, **row) for target, row in table.get(key, {}).items())
    return Recipe(name=folder.name, folder=folder, **fields)
