"""The stand-ins' repositories, with real git over real HTTP."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.catalogue.catalogue import Catalogue
from rehearsal.errors import RehearsalError
from rehearsal.standins.repositories import FOLDER, REPOSITORIES, build
from rehearsal.standins.serve import SourceServer, serve


@contextlib.contextmanager
def serving(root: Path, sources: str = "standins") -> Iterator[SourceServer]:
    server = serve(root, "127.0.0.1", 0, sources)
    try:
        yield server
    finally:
        server.close()


def url(server: SourceServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/git/{path}"


def git(*words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env["GIT_TERMINAL_PROMPT"] = "0"
    return subprocess.run(["git", *words], env=env, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("recipe", [repository.tree for repository in REPOSITORIES])
def test_what_a_recipe_fetches_is_there_as_a_shallow_clone(tmp_path: Path, recipe: str) -> None:
    source = next(iter(Catalogue().recipes[recipe].sources.values()))
    with serving(tmp_path / "sources") as server:
        where = url(server, source["url"].split("/", 3)[3])
        done = git("clone", "--depth", "1", "--branch", source["ref"], where, str(tmp_path / "clone"))
    assert done.returncode == 0, done.stderr
    tree = FOLDER / next(r.tree for r in REPOSITORIES if source["url"].endswith(r.path))
    files = {p.relative_to(tree): p.read_bytes() for p in tree.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    assert files
    got = {path: (tmp_path / "clone" / path).read_bytes() for path in files}
    assert got == files
    assert git("-C", str(tmp_path / "clone"), "rev-list", "--count", "HEAD").stdout == "1\n"


def test_the_same_trees_are_the_same_commits(tmp_path: Path) -> None:
    seen = []
    for name in ("one", "two"):
        with serving(tmp_path / name) as server:
            seen.append([git("ls-remote", url(server, repository.path)).stdout for repository in REPOSITORIES])
    assert seen[0] == seen[1]
    assert all(seen[0])


def test_upstream_sends_git_on_to_the_mirror_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "sources") as mirror:
        monkeypatch.setenv("GIT_MIRROR", url(mirror, "").rstrip("/"))
        with serving(tmp_path / "nothing", "upstream") as server:
            done = git("clone", "--depth", "1", url(server, "NVIDIA/caffe.git"), str(tmp_path / "clone"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clone" / "CMakeLists.txt").exists()
    assert not (tmp_path / "nothing").exists()


def test_a_mirror_may_be_a_folder_of_this_machine_and_gives_a_commit_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    build(mirror)
    commit = git("-C", str(mirror / "cudamat/cudamat.git"), "rev-parse", "master").stdout.strip()
    monkeypatch.setenv("GIT_MIRROR", str(mirror))
    with serving(tmp_path / "nothing", "upstream") as server:
        git("init", str(tmp_path / "clone"))
        where = url(server, "cudamat/cudamat.git")
        done = git("-C", str(tmp_path / "clone"), "fetch", "--depth", "1", where, commit)
    assert done.returncode == 0, done.stderr
    assert git("-C", str(tmp_path / "clone"), "cat-file", "-t", commit).stdout == "commit\n"


def test_a_mirror_that_is_nowhere_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_MIRROR", str(tmp_path / "gone"))
    with pytest.raises(RehearsalError, match="neither an address nor a folder"):
        serve(tmp_path, "127.0.0.1", 0, "upstream")


def test_nothing_but_the_repositories_is_served_and_nothing_can_be_pushed(tmp_path: Path) -> None:
    (tmp_path / "secret.git").mkdir()
    with serving(tmp_path / "sources") as server:
        for path in ("nobody/nothing.git", "../secret.git", "%2e%2e/secret.git"):
            assert git("ls-remote", url(server, path)).returncode != 0
        clone = str(tmp_path / "clone")
        assert git("clone", url(server, "NVIDIA/caffe.git"), clone).returncode == 0
        assert git("-C", clone, "push", "origin", "HEAD:refs/heads/mine").returncode != 0


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RehearsalError, match="cannot be served at"):
        serve(tmp_path, "127.0.0.1", taken.getsockname()[1])
