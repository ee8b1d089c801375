"""The stand-ins' folders as bare git repositories: the same commits on every machine."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
# Who and when are part of a commit's digest: fixed, so that one tree is one commit.
_AUTHOR = "gpurig rehearsal <rehearsal@gpurig.invalid> 1577836800 +0000"
_ENV = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository of one commit, under the path of the one that it stands in for."""

    path: str
    tree: str
    """Folder here whose files it holds."""
    refs: tuple[str, ...]


REPOSITORIES = (
    Repository("NVIDIA/caffe.git", "caffe", ("refs/heads/master", "refs/tags/v0.17.4")),
    Repository("dcmartin/DIGITS.git", "digits", ("refs/heads/master",)),
    Repository("cudamat/cudamat.git", "cudamat", ("refs/heads/master",)),
    Repository("nagadomi/distro.git", "torch7", ("refs/heads/cuda10",)),
    Repository("szagoruyko/loadcaffe.git", "loadcaffe", ("refs/heads/master",)),
    Repository("jcjohnson/neural-style.git", "neural-style", ("refs/heads/master",)),
)


def build(root: Path) -> None:
    """Write all repositories anew under `root`. Raises `RehearsalError` where git is missing or refuses."""
    if not shutil.which("git"):
        raise RehearsalError("the stand-ins are served as git repositories, and there is no git here: install git")
    for repository in REPOSITORIES:
        bare = root / repository.path
        shutil.rmtree(bare, ignore_errors=True)
        bare.mkdir(parents=True)
        _git("init", "--quiet", "--bare", "--initial-branch=master", str(bare))
        _git(f"--git-dir={bare}", "fast-import", "--quiet", stdin=b"".join(_stream(repository)))


def _stream(repository: Repository) -> Iterator[bytes]:
    """Yield one commit of the folder's files in the form that `git fast-import` reads."""
    subject = f"Stand-in for {repository.path.removesuffix('.git')}".encode()
    first, *others = repository.refs
    yield f"commit {first}\nmark :1\ncommitter {_AUTHOR}\n".encode() + _data(subject)
    tree = FOLDER / repository.tree
    for path in sorted(path for path in tree.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        mode = "100755" if path.suffix == ".sh" else "100644"
        yield f"M {mode} inline {path.relative_to(tree).as_posix()}\n".encode() + _data(path.read_bytes())
    for other in others:
        yield f"reset {other}\nfrom :1\n\n".encode()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _git(*words: str, stdin: bytes = b"") -> None:
    done = subprocess.run(["git", *words], input=stdin, capture_output=True, check=False, env={**os.environ, **_ENV})
    if done.returncode:
        raise RehearsalError(f"git {' '.join(words[:3])}: {done.stderr.decode(errors='replace').strip()}")
