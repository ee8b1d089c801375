"""What a recipe's folder and its `recipe.toml` have to look like."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from provision.model.errors import BadInput
from provision.model.schema import mismatches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = "example"
"""The folder with what an example or a bench runs."""
_TRIALS = (EXAMPLE, "bench")


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file that a recipe puts on the host: rendered from `template` in the recipe's folder."""

    path: str
    template: str
    mode: str = "0644"
    verbatim: bool = False
    """Sent as it is, and not rendered."""
    lean: bool = False
    """A program in Python: without what nobody on the host reads."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder that a recipe puts on the host, with every file below `folder` in the recipe's own."""

    path: str
    folder: str
    mode: str = "0644"
    """Of each file."""

    def files(self, recipe: Path) -> list[File]:
        """Return its files in order of their paths: `x.j2` is rendered and becomes `x`, all else is sent as it is."""
        found = []
        for name in below(recipe / self.folder):
            verbatim = not name.endswith(".j2")
            path, template = f"{self.path}/{name.removesuffix('.j2')}", f"{self.folder}/{name}"
            found.append(File(path=path, template=template, mode=self.mode, verbatim=verbatim))
        return found


def read(path: Path) -> str:
    """Return the text of a recipe's file. Raises `BadInput` where it is none: a bundle carries nothing else."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput([f"{path}: {error}"]) from error


def below(folder: Path) -> list[str]:
    """Return the paths of all files below a folder, in order; hidden ones and compiled Python are not looked at."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(
        path.as_posix() for path in paths if not any(word[0] == "." or word == "__pycache__" for word in path.parts)
    )


def example_folder(folder: Path, of: str) -> Path:
    """Return the folder of a recipe's example: `of` is the recipe whose it is, "" for its own."""
    return (folder.parent / of if of else folder) / EXAMPLE


def problems(folder: Path, table: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    """Return everything that is wrong with a recipe's folder and keys; `schema`: as `mismatches` takes one."""
    path = folder / "recipe.toml"
    needed = [f'"{key}" is missing' for key in ("summary", "version") if table.get(key, "") == ""]
    if found := needed + mismatches(table, schema):
        return [f"{path}: {problem}" for problem in found]
    files: dict[str, dict[str, str]] = table.get("files", {})
    templates = ("install.sh.j2", "verify.sh.j2", *(row.get("template", "") for row in files.values()))
    trials = [key for key in _TRIALS if key in table]
    example = example_folder(folder, table.get("example_of", ""))
    tried = enumerate(table.get("supports", {}).get("tried", ()), 1)
    return [
        *(
            f'{path}: "{key}.{target}" has to be an absolute path'
            for key in ("files", "folders")
            for target in table.get(key, ())
            if not target.startswith("/")
        ),
        *(f'{path}: "files.{target}.template" is missing' for target, row in files.items() if "template" not in row),
        *(f'{path}: "folders.{target}{problem}' for target, problem in _folder_problems(folder, table)),
        *(f'{path}: "{key}.command" is missing' for key in trials if not table[key].get("command")),
        *(
            f'{path}: row {number} of "supports.tried" has to have image and gpu'
            for number, row in tried
            if not {"image", "gpu"} <= row.keys()
        ),
        *(
            f'{path}: row {number} of "supports.built" has to have image, compute, cuda and date'
            for number, row in enumerate(table.get("supports", {}).get("built", ()), 1)
            if not {"image", "compute", "cuda", "date"} <= row.keys()
        ),
        *(f"{example}: missing" for _ in trials[:1] if not example.is_dir()),
        *(f"{folder / name}: missing" for name in templates if name and not (folder / name).is_file()),
    ]


def _folder_problems(folder: Path, table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the rows of [folders]: path on the host, and the problem behind it."""
    taken = set(table.get("files", ()))
    for target, row in table.get("folders", {}).items():
        source = folder / row.get("folder", "")
        if not row.get("folder"):
            yield target, '.folder" is missing'
        elif not source.resolve().is_relative_to(folder.resolve()) or not source.is_dir():
            yield target, f'.folder": there is no folder "{row["folder"]}" in {folder}'
        elif not (names := below(source)):
            yield target, f'.folder": {source} holds no files'
        else:
            paths = [f"{target}/{name.removesuffix('.j2')}" for name in names]
            twice = [path for path in paths if path in taken or paths.count(path) > 1]
            taken.update(paths)
            yield from ((target, f'": {path} comes from two places') for path in dict.fromkeys(twice))
