"""Where an entry is unpacked and judged, before any of it comes to where a program would find it.

An entry is root's to unpack, and what is in it was made on another machine. So it goes into an empty folder that only
root can enter. There all is taken from it that makes more of a file than a file, and what may not be there at all makes
the whole entry useless. What is left is moved to its place in one step.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.kept_scan import DEBS, below

if TYPE_CHECKING:
    from typing import Iterable, List, Sequence

STAGE = ".gpurig-kept"
HIS_OWN = 0o755
"""What of a file's mode is taken: nobody but root writes to it, and nothing runs as somebody else by it."""
# A virtual environment has a link to the Python that it was made with, and no other business outside its folder.
_PYTHON = re.compile(r"/(usr|opt)(/[\w+-][\w.+-]*)*/bin/python[\d.]*")
_DEB = re.compile(re.escape(DEBS) + r"/[\w+.~%-]+\.deb")


def remove(path: Path) -> None:
    """Delete whatever is there, a link itself and not what it leads to; nothing where that cannot be."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        path.unlink()


class Stage:
    """The folder in which one entry is unpacked. `trees`: the folders that it may hold; without any, packages."""

    def __init__(self, trees: Sequence[str]) -> None:
        self.trees = trees
        # On the file system of the place where it belongs.
        self.top = Path(trees[0] if trees else DEBS).parent / STAGE
        self.folder = self.top / "root"
        """What stands for / to an archive."""
        self.large = self.top / "large"
        """Where files that are parts of their own wait, out of the reach of archives."""

    def open(self, folders: Iterable[str]) -> None:
        """Begin anew, with these folders. Raises `OSError` for one that may not be."""
        remove(self.top)
        self.top.parent.mkdir(parents=True, exist_ok=True)
        for path in (self.top, self.folder, self.large):
            path.mkdir(mode=0o700)
        for folder in folders:
            self._fits(folder, alone=False)
            Path(f"{self.folder}{folder}").mkdir(parents=True, exist_ok=True)

    def place(self, path: str) -> Path:
        """Return where a file belongs in here. Raises `OSError` where that is in no folder of its own."""
        goal = Path(f"{self.folder}{path}")
        self._fits(path, alone=True)
        if os.path.realpath(goal.parent) != os.path.realpath(self.folder) + os.path.dirname(path):  # noqa: PTH120
            raise OSError(f"{path} lies behind a link")
        return goal

    def judge(self) -> int:
        """Make all in here root's plain files, and return how many there are. Raises `OSError` for what may not be."""
        count = 0
        for path in below(str(self.folder)):
            name, seen = path[len(str(self.folder)) :], os.lstat(path)
            why = why_not(name, path, self.trees)
            if why:
                raise OSError(why)
            self._fits(name, alone=not stat.S_ISDIR(seen.st_mode))
            if (seen.st_uid, seen.st_gid) != (os.geteuid(), os.getegid()):
                os.lchown(path, os.geteuid(), os.getegid())
            if not stat.S_ISLNK(seen.st_mode):
                os.chmod(path, stat.S_IMODE(seen.st_mode) & HIS_OWN)  # noqa: PTH101
            count += 1
        return count

    def _fits(self, path: str, *, alone: bool) -> None:
        """Raise `OSError` for a path that is neither in the folders, nor (unless `alone`) a folder on the way there."""
        fits = _within(path, self.trees) and not (alone and path in self.trees) if self.trees else _DEB.fullmatch(path)
        if fits and os.path.normpath(path) == path:
            return
        goals = [f"{tree}/" for tree in self.trees] or [f"{DEBS}/"]
        if alone or not any(goal.startswith(f"{path}/") for goal in goals):
            raise OSError(f"{path} is not below what the recipe keeps")

    def goals(self) -> List[str]:
        """Return what there is to be moved, and has no other thing in its place."""
        packages = Path(f"{self.folder}{DEBS}").glob("*") if not self.trees else ()
        found = [*self.trees, *(f"{DEBS}/{package.name}" for package in packages)]
        return [path for path in found if os.path.lexists(f"{self.folder}{path}") and not os.path.lexists(path)]

    def move(self, goals: Sequence[str]) -> None:
        """Move to their places what was judged; nothing of the entry is left in here."""
        for goal in goals:
            Path(goal).parent.mkdir(parents=True, exist_ok=True)
            os.rename(f"{self.folder}{goal}", goal)  # noqa: PTH104
        remove(self.top)


def _within(path: str, trees: Sequence[str]) -> bool:
    return any(f"{path}/".startswith(f"{tree}/") for tree in trees)


def why_not(name: str, path: str, trees: Sequence[str]) -> str:
    """Return why what lies at `path`, and belongs at `name`, cannot be kept; "" where it can."""
    mode = os.lstat(path).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    if not stat.S_ISLNK(mode):
        return f"{name} is neither a file, a folder nor a link"
    target = os.readlink(path)  # noqa: PTH115
    # Up, then down: what goes up again on its way may do so from somewhere else, behind another link.
    up, down = re.fullmatch(r"((?:\.\./)*)(.*)", target, re.DOTALL).groups()  # type: ignore[union-attr]
    straight = ".." not in down.split("/") or not down.strip("./")
    inside = _within(os.path.normpath(os.path.join(os.path.dirname(name), up, down)), trees)  # noqa: PTH118, PTH120
    if (straight and inside) or (_PYTHON.fullmatch(target) and ".." not in target.split("/")):
        return ""
    return f"{name} is a link that leads out: {target[:200]}"
