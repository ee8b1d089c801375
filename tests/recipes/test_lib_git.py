"""How scripts fetch sources, with a real git."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provision.model.target import Target
from tests.recipes.shell import Shell


@dataclasses.dataclass(frozen=True)
class Origin:
    """A repository with two commits; the tag is on the first."""

    path: Path
    first: str
    second: str


def git(*words: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    return subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    path = tmp_path / "origin"
    git("init", "-q", "-b", "main", str(path))
    commits = []
    for text in ("one", "two"):
        (path / "file").write_text(text)
        git("-C", str(path), "add", "file")
        git("-C", str(path), "commit", "-q", "-m", text)
        commits.append(git("-C", str(path), "rev-parse", "HEAD"))
        if text == "one":
            git("-C", str(path), "tag", "v1")
    return Origin(path, *commits)


def test_the_pinned_commit_is_checked_out_without_history(shell: Shell, origin: Origin) -> None:
    clone = shell.folder / "clone"
    shell.run(f"fetch_git file://{origin.path} v1 {origin.first} {clone}", code=0)
    assert (clone / "file").read_text() == "one"
    assert git("-C", str(clone), "rev-list", "--count", "HEAD") == "1"


def test_a_ref_that_is_not_the_pinned_commit_is_refused(shell: Shell, origin: Origin) -> None:
    git("-C", str(origin.path), "tag", "-f", "v1", origin.second)
    missing = "0" * 40
    done = shell.run(f"fetch_git file://{origin.path} v1 {missing} {shell.folder}/clone; echo unreached", code=1)
    assert f"is commit {origin.second}, and the recipe pins {missing}" in done.stderr
    assert "unreached" not in done.stdout
    assert not (shell.folder / "clone" / "file").exists()


def test_unpinned_takes_what_the_ref_is(shell: Shell, origin: Origin) -> None:
    clone = shell.folder / "clone"
    for ref, text in (("v1", "one"), ("main", "two")):
        shell.run(f'fetch_git file://{origin.path} {ref} "" {clone}', code=0)
        assert (clone / "file").read_text() == text


def test_what_is_there_needs_no_network_and_is_mended(shell: Shell, origin: Origin) -> None:
    clone = shell.folder / "clone"
    fetch = f"fetch_git file://{origin.path} v1 {origin.first} {clone}"
    shell.run(fetch, code=0)
    (clone / "file").unlink()
    (clone / "build").mkdir()
    (clone / ".git" / "index.lock").touch()  # a checkout that was killed
    origin.path.rename(origin.path.with_name("gone"))
    shell.run(fetch, code=0)
    assert (clone / "file").read_text() == "one"
    assert (clone / "build").is_dir()


def test_files_that_came_back_as_they_were_are_not_written_anew(shell: Shell, origin: Origin) -> None:
    clone, copy = shell.folder / "clone", shell.folder / "copy"
    fetch = f"fetch_git file://{origin.path} v1 {origin.first} {clone}"
    shell.run(fetch, code=0)
    os.utime(clone / "file", (1e9, 1e9))
    shutil.copytree(clone, copy)
    shutil.rmtree(clone)
    copy.rename(clone)
    shell.run(fetch, code=0)
    assert (clone / "file").stat().st_mtime == 1e9, "make would compile it once more"
    (clone / "file").write_text("patched")
    shell.run(fetch, code=0)
    assert (clone / "file").read_text() == "one"


def test_a_half_clone_and_a_build_without_its_clone_are_mended_once_the_source_has_come(
    shell: Shell, origin: Origin
) -> None:
    clone, away = shell.folder / "clone", origin.path.with_name("away")
    git("init", "-q", str(clone))
    (clone / ".git" / "HEAD").write_text("")  # a clone that a power cut left behind
    (clone / "file").write_text("one")
    (clone / "built").touch()
    os.utime(clone / "file", (1e9, 1e9))
    fetch = f"fetch_git file://{origin.path} v1 {origin.first} {clone}"
    before = sorted(clone.rglob("*"))
    origin.path.rename(away)
    assert "could not fetch" in shell.run(fetch, code=1).stderr
    assert sorted(clone.rglob("*")) == before
    away.rename(origin.path)
    shell.run(fetch, code=0)
    assert git("-C", str(clone), "rev-parse", "HEAD") == origin.first
    assert (clone / "built").exists()
    assert (clone / "file").stat().st_mtime == 1e9, "make would compile it once more"
    assert not clone.with_name("clone.git").exists()


def test_another_commit_that_cannot_be_had_leaves_the_one_that_is_there(shell: Shell, origin: Origin) -> None:
    clone = shell.folder / "clone"
    shell.run(f"fetch_git file://{origin.path} v1 {origin.first} {clone}", code=0)
    origin.path.rename(origin.path.with_name("gone"))
    shell.run(f"fetch_git file://{origin.path} main {origin.second} {clone}", code=1)
    assert (clone / "file").read_text() == "one"
    shell.run(f"fetch_git file://{origin.path} v1 {origin.first} {clone}", code=0)


def test_submodules_come_through_the_mirrors(shell: Shell, origin: Origin, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    git("init", "-q", "-b", "main", str(outer))
    git("-c", "protocol.file.allow=always", "-C", str(outer), "submodule", "add", "-q", str(origin.path), "inner")
    modules = f'[submodule "inner"]\n\tpath = inner\n\turl = https://nowhere.invalid{origin.path}\n'
    (outer / ".gitmodules").write_text(modules)
    git("-C", str(outer), "add", ".")
    git("-C", str(outer), "commit", "-q", "-m", "outer")
    mirrored = dataclasses.replace(shell, target=Target(mirrors={"git": {"https://nowhere.invalid/": "file:///"}}))
    allowed = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always"}
    mirrored.run(f'fetch_git file://{outer} main "" {shell.folder}/clone', code=0, **allowed)
    assert (shell.folder / "clone" / "inner" / "file").read_text() == "two"
