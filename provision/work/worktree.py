"""What a working folder holds for a host: all its files but those that .gitignore names. Git reads those rules."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from provision.model import laptop
from provision.model.errors import BadInput, GpurigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


LINK = "160000 "
"""What git's index has before a submodule: the mode of its row."""


@dataclasses.dataclass(frozen=True)
class Held:
    """What a working folder holds; all paths are relative to it."""

    names: list[str]
    """Files and symbolic links, without those that git ignores."""
    absent: list[str]
    """Submodules that are not checked out; "." where the folder is one itself."""
    unnamed: list[str] = dataclasses.field(default_factory=list)
    """As `absent`, but .gitmodules does not name them: git does not know where they come from."""


def held_in(folder: Path) -> Held:
    """Return what a folder holds. Raises `BadInput` where there are rules and no git to read them."""
    folder = folder.resolve()  # to git, a link to a folder is a file
    if shutil.which("git") is None:
        return Held(_without_git(folder), [])
    with _repository(folder) as options:
        return _held(folder, options)


def _held(folder: Path, options: list[str]) -> Held:
    answer = _git(folder, *options, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    rows = _git(folder, *options, "ls-files", "-z", "--stage").split("\0")
    links = [Path(row.partition("\t")[2]) for row in rows if row.startswith(LINK)]
    absent, unnamed = _apart(folder, {name.as_posix() for name in links if not (folder / name).exists()})
    names: list[str] = []
    for name in filter(None, answer.split("\0")):
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            # A repository in the repository: git names its folder only.
            below = _unlinked(path) if Path(name) == Path() else held_in(path)
            for ours, theirs in ((names, below.names), (absent, below.absent), (unnamed, below.unnamed)):
                ours += [(Path(name) / word).as_posix() for word in theirs]
        elif path.is_file() or path.is_symlink():
            names.append(name)
    return Held(*(sorted(set(words)) for words in (names, absent, unnamed)))


def _unlinked(folder: Path) -> Held:
    """Return what a submodule's folder holds where git answers for the repository around it: it is not checked out."""
    with _empty_repository(folder) as options:
        names = _held(folder, options).names
    return Held(names, *_apart(folder, set() if names else {"."}))


def _apart(folder: Path, links: set[str]) -> tuple[list[str], list[str]]:
    """Tell links to repositories that .gitmodules names from those that it does not name."""
    if not links:
        return [], []
    top, _, below = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix").partition("\n")
    words = ("config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    # Exit codes: 1 where it names none or is not there, 128 where it is garbled.
    rows = _git(Path(top), *words, codes=(0, 1, 128)).split("\0")
    named = {Path(row.partition("\n")[2]) for row in rows}
    absent = {link for link in links if Path(below.removesuffix("\n"), link) in named}
    return list(absent), list(links - absent)


def ignored(folder: Path, names: Iterable[str]) -> set[str]:
    """Return those of `names`, there or not, that git would ignore in `folder`."""
    names, folder = set(names), folder.resolve()
    if not names or shutil.which("git") is None:
        return set()
    links = {parent for name in names for parent in Path(name).parents if (folder / parent).is_symlink()}
    below = {name for name in names if not links.isdisjoint(Path(name).parents)}
    with _repository(folder) as options:
        found = _checked(folder, options, names - below)
        if below:
            with _without_links(folder, options, below) as (place, others):
                found |= _checked(place, others, below)
    return found


def _checked(folder: Path, options: list[str], names: Iterable[str]) -> set[str]:
    # With "./" before it, ":!x" is a name to git and no rule. Exit code 1 is its way to say "none".
    said = [f"./{name}" for name in names]
    answer = _git(folder, *options, "check-ignore", "-z", "--stdin", "--no-index", said=said, codes=(0, 1))
    return {word.removeprefix("./") for word in answer.split("\0")} - {""}


@contextlib.contextmanager
def _without_links(folder: Path, options: list[str], names: Iterable[str]) -> Iterator[tuple[Path, list[str]]]:
    """Give a folder with the rules for `names`, and git's options for it: git refuses names that are below a link."""
    asked = _git(folder, *options, "rev-parse", "--show-toplevel", "--absolute-git-dir").splitlines()
    top, own = map(Path, asked)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch, folder.relative_to(top))
        place.mkdir(parents=True, exist_ok=True)
        for holder in {*folder.parents, *(folder / parent for name in names for parent in Path(name).parents)}:
            rules = holder / ".gitignore"
            # What is below a link is not this repository's.
            if holder.is_relative_to(top) and holder.resolve() == holder and rules.is_file():
                copy = Path(scratch, rules.relative_to(top))
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(rules, copy)
        yield place, [f"--git-dir={own}", f"--work-tree={scratch}"]


@contextlib.contextmanager
def _repository(folder: Path) -> Iterator[list[str]]:
    """Give git's options for a folder: none in a repository, else those of an empty one beside it.

    A folder that the repository around it ignores is none of it: it was named, and its own rules hold.
    """
    command = ["git", "-C", str(folder), "rev-parse", "--is-inside-work-tree", "--show-prefix"]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False, env=_environment()
    )
    inside, _, below = done.stdout.strip().partition("\n")
    if inside == "true" and not (below and _is_ignored(folder)):
        yield []
    elif inside == "true" or "not a git repository" in done.stderr:
        with _empty_repository(folder) as options:
            yield options
    else:
        raise _refusal(folder, done.stderr or "it is inside git's own folder")


def _is_ignored(folder: Path) -> bool:
    """Return whether the repository around a folder ignores it."""
    command = ["git", "-C", str(folder.parent), "check-ignore", "--quiet", f"./{folder.name}"]
    return subprocess.run(command, capture_output=True, check=False, env=_environment()).returncode == 0


@contextlib.contextmanager
def _empty_repository(folder: Path) -> Iterator[list[str]]:
    """Give git's options for a folder as the working tree of a repository that has nothing yet."""
    with tempfile.TemporaryDirectory() as scratch:
        _git(Path(scratch), "init", "--quiet")
        yield [f"--git-dir={scratch}/.git", f"--work-tree={folder.absolute()}"]


def _git(folder: Path, *words: str, said: Iterable[str] = (), codes: tuple[int, ...] = (0,)) -> str:
    """Return what git prints; `said`: paths for its standard input."""
    command = ["git", "-C", str(folder), *words]
    data = os.fsencode("".join(f"{word}\0" for word in said))
    done = subprocess.run(command, input=data, capture_output=True, check=False, env=_environment())
    if done.returncode not in codes:
        raise _refusal(folder, os.fsdecode(done.stderr))
    return os.fsdecode(done.stdout)


def _environment() -> dict[str, str]:
    """Return an environment in which git finds the repository by itself (a hook names one) and speaks English."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
    }
    return {**kept, "LC_ALL": "C"}


def _refusal(folder: Path, said: str) -> GpurigError:
    return GpurigError(f"git cannot say which files of {folder} to send: {said.strip()}")


def _without_git(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    rules = [path for path in files if path.name == ".gitignore"]
    if rules:
        raise BadInput([f"{rules[0]}: there is no `git` on PATH to read it"], hint=laptop.install(["git"]))
    return sorted(path.relative_to(folder).as_posix() for path in files)
