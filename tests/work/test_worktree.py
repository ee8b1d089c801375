"""What a working folder holds, as real repositories have it: with submodules that are there, and that are not."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import types
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from provision.model.errors import GpurigError
from provision.screen.progress import PlainView
from provision.work.sync import sync
from provision.work.worktree import Held, held_in, ignored

WHO = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "protocol.file.allow=always")


def git(folder: Path, *words: str) -> None:
    """Run git in a folder, as somebody who lets submodules come from files."""
    subprocess.run(["git", "-C", folder, *WHO, *words], check=True, capture_output=True)


def repository(folder: Path, name: str) -> None:
    """Make a repository with a file, and one that is ignored."""
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / ".gitignore").write_text("*.log\n")
    (folder / name).write_text(name)
    (folder / "x.log").write_text("")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "a file")


@pytest.fixture(scope="module")
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clone a project with two submodules, the first of which has one itself; none is checked out."""
    tmp_path = tmp_path_factory.mktemp("repositories")
    for name in ("inner", "lib", "other", "project"):
        repository(tmp_path / name, f"{name}.py")
    git(tmp_path / "lib", "submodule", "add", str(tmp_path / "inner"), "deep/inner")
    git(tmp_path / "lib", "commit", "--quiet", "--message", "a submodule")
    git(tmp_path / "project", "submodule", "add", str(tmp_path / "lib"), "libs/lib")
    git(tmp_path / "project", "submodule", "add", str(tmp_path / "other"), "other")
    git(tmp_path / "project", "commit", "--quiet", "--message", "submodules")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "project"), "clone")
    return tmp_path / "clone"


@pytest.fixture
def clone(cloned: Path, tmp_path: Path) -> Path:
    """That clone, a test's own."""
    return shutil.copytree(cloned, tmp_path / "clone")


OWN = [".gitignore", ".gitmodules", "project.py"]


def test_submodules_that_are_not_checked_out_are_named_beside_the_rest(clone: Path) -> None:
    assert held_in(clone) == Held(OWN, ["libs/lib", "other"])
    assert held_in(clone / "libs" / "lib") == Held([], ["."])
    shutil.rmtree(clone / "other")
    assert held_in(clone) == Held(OWN, ["libs/lib", "other"])


def test_one_that_is_checked_out_is_sent_and_what_lacks_in_it_is_named(clone: Path) -> None:
    git(clone, "submodule", "update", "--init", "libs/lib")
    (clone / "libs" / "lib" / "y.log").write_text("")
    found = held_in(clone)
    assert found.absent == ["libs/lib/deep/inner", "other"]
    assert {name for name in found.names if name.startswith("libs")} == {
        f"libs/lib/{name}" for name in (".gitignore", ".gitmodules", "lib.py")
    }
    git(clone, "submodule", "update", "--init", "--recursive")
    assert held_in(clone).absent == []
    assert "libs/lib/deep/inner/inner.py" in held_in(clone).names


def test_what_somebody_put_into_its_folder_is_sent(clone: Path) -> None:
    (clone / "other" / "by hand.py").write_text("")
    found = held_in(clone)
    assert found == Held(sorted([*OWN, "other/by hand.py"]), ["libs/lib"])


def test_a_folder_of_git_that_is_none_ends_no_differently(clone: Path) -> None:
    (clone / "other" / ".git").mkdir()
    assert held_in(clone) == Held(OWN, ["libs/lib", "other"])


def link(folder: Path, name: str) -> None:
    """Note a repository in the index as `git add` of one does, without a word in .gitmodules."""
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{'a' * 40},{name}")


def test_a_link_that_gitmodules_does_not_name_is_told_from_a_submodule(clone: Path) -> None:
    link(clone, "libs/inner")
    assert held_in(clone) == Held(OWN, ["libs/lib", "other"], ["libs/inner"])
    (clone / "libs" / "inner").mkdir()
    assert held_in(clone) == Held(OWN, ["libs/lib", "other"], ["libs/inner"])
    assert held_in(clone / "libs") == Held([], ["lib"], ["inner"])
    assert held_in(clone / "libs" / "inner") == Held([], [], ["."])
    git(clone, "submodule", "update", "--init", "libs/lib")
    link(clone / "libs" / "lib", "its")
    assert held_in(clone).unnamed == ["libs/inner", "libs/lib/its"]
    (clone / ".gitmodules").write_text("<<<<<<< ours\n")
    assert held_in(clone).unnamed == ["libs/inner", "libs/lib/its", "other"], "git cannot read it either"


def told(folder: Path) -> list[str]:
    """Return what a user hears before a folder is sent."""

    def stop(*_: object) -> None:
        raise GpurigError("there is no host")

    lines: list[str] = []
    session: Any = types.SimpleNamespace(mount_point=PurePosixPath("/jobs"), tell=lines.append, answer=stop)
    with pytest.raises(GpurigError, match="there is no host"):
        sync(session, folder, "/jobs/work/x", PlainView())
    return lines


@pytest.mark.parametrize("here", [".", "libs"])
def test_each_way_that_is_told_to_what_is_absent_leads_there(
    clone: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    for word, value in (("COUNT", "1"), ("KEY_0", "protocol.file.allow"), ("VALUE_0", "always")):
        monkeypatch.setenv(f"GIT_CONFIG_{word}", value)
    link(clone, "libs/inner")
    (clone / "libs" / "by hand.py").write_text("")
    ways = [line.partition(": ")[2] for line in told(clone / here)]
    assert ways.count("") == 1, "the link has none"
    for way in filter(None, ways):
        subprocess.run(shlex.split(way), check=True, capture_output=True)
    found = held_in(clone / here)
    assert (found.absent, found.unnamed) == ([], ["libs/inner" if here == "." else "inner"])
    assert told(clone / here) == [
        f"{clone / 'libs' / 'inner'} is a link to a repository that .gitmodules does not name; clone it there"
    ]


def test_a_repository_in_a_repository_is_sent_by_its_own_rules(tmp_path: Path) -> None:
    repository(tmp_path / "outer", "a.py")
    repository(tmp_path / "outer" / "inner", "b.py")
    assert held_in(tmp_path / "outer") == Held([".gitignore", "a.py", "inner/.gitignore", "inner/b.py"], [])


def test_a_folder_that_the_repository_around_it_ignores_is_sent_by_its_own_rules(tmp_path: Path) -> None:
    """A project's virtual environment is such a folder, and a recipe's example lies in it where gpurig is a package."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("venv/\n")
    example = tmp_path / "venv" / "lib" / "example"
    example.mkdir(parents=True)
    (example / "train.py").write_text("")
    (example / "secret").write_text("")
    (example / ".gitignore").write_text("secret\n")
    assert held_in(example).names == [".gitignore", "train.py"]
    git(example, "init", "--quiet")
    assert held_in(example).names == [".gitignore", "train.py"]


@pytest.mark.parametrize("below", ["", "sub"])
def test_what_a_host_has_below_what_is_a_link_here_is_judged_by_its_name(clone: Path, below: str) -> None:
    """A folder that became a link: its old files go, and a data set, which is ignored, stays."""
    folder = clone / below
    for place in (folder / "runs", clone / "elsewhere"):
        place.mkdir(parents=True)
        (place / ".gitignore").write_text("*.txt\n")
    (folder / "latest").symlink_to(clone / "elsewhere")
    (folder / "runs" / "last").symlink_to("nowhere")
    (folder / "data").symlink_to(clone / "elsewhere")
    (clone / ".git" / "info" / "exclude").write_text("*.ckpt\n")
    (folder / ".gitignore").write_text("*.log\ndata/\n")
    gone = ["latest/lib/old.py", "latest/a.txt", "runs/last/x.py", "runs/new.py"]
    kept = ["latest/x.log", "latest/deep/x.ckpt", "runs/last/a.txt", "data/train/cat.jpg", "y.log"]
    assert ignored(folder, [*gone, *kept]) == set(kept)


ODD = [
    "a\nb.{}",
    ":x.{}",
    ":!x.{}",
    ":/x.{}",
    ":(top)x.{}",
    ":(none)x.{}",
    "-x.{}",
    "--stdin.{}",
    '"x.{}',
    "*.{}",
    "\udcff.{}",
]


@pytest.mark.parametrize("name", ODD)
def test_a_name_is_a_name_to_git(clone: Path, name: str) -> None:
    names = [name.format(kind) for kind in ("log", "py")]
    assert ignored(clone, names) == {names[0]}
    (clone / ".gitignore").write_text("/x.*\n/" + name[1:].format("py") + "\n")
    assert ignored(clone, names) == set()


@pytest.mark.parametrize("name", ["-n", ":!x"])
def test_a_folder_that_is_ignored_is_told_whatever_its_name_is(tmp_path: Path, name: str) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("/*\n")
    (tmp_path / name).mkdir()
    (tmp_path / name / "train.py").write_text("")
    assert held_in(tmp_path / name).names == ["train.py"]
