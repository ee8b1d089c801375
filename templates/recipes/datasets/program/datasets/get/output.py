"""Uploaded an archive's members into a folder, and nothing anywhere else."""

from __future__ import annotations

import itertools
import os
import secrets
import stat
from typing import TYPE_CHECKING

from datasets.get.packed import HEAD, Packed
from datasets.messages import Failure, say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MACOS = "__MACOSX"
"""The folder that macOS puts its own notes into, one beside each file of the user's."""
APPLE_DOUBLE = b"\0\5\x16\7"
"""What such a note begins with; in a tar archive it lies beside its file, as ._NAME."""
LINKS = 4096
"""Bytes of the longest path that a link can have."""


class BadArchive(Failure):
    """An archive that is not to be trusted, or is damaged: nothing of it stays."""

    def __init__(self, archive: str, why: str, hint: str = "") -> None:
        super().__init__(f"{archive}: {why}", hint or "nothing of it was kept; --keep fetches it without unpacking it")


class TruncatedArchive(Exception):
    """An archive that ends too early, and what its program said of that."""


class OutputFolder:
    """The folder that an archive becomes."""

    def __init__(self, root: Path, archive: str) -> None:
        self.root, self.archive = root, archive
        self.files = 0
        self._left_out = 0
        """Files that are none of the user's, but notes of the system that packed them."""
        self._packed = Packed()
        self._folders = {""}
        self._held: dict[str, Path] = {}
        self._holding = f".{secrets.token_hex(8)}-"
        """What the names of files begin with that wait for their place: nothing that an archive can know."""
        self._links: list[str] = []
        root.mkdir(parents=True)

    def folder(self, name: str) -> None:
        """Make a folder."""
        words = self._clean(name)
        if words[:1] != [MACOS]:
            self._folder(words)

    def file(
        self, name: str, blocks: Iterable[bytes], *, executable: bool = False, modified: float | None = None
    ) -> None:
        """Write a file; one that an earlier member has made is replaced, as all unpackers do.

        A note of macOS' own is read, as its checksum is part of the archive, and left out.
        """
        blocks = iter(blocks)
        first = b""
        while len(first) < HEAD and (block := next(blocks, None)) is not None:
            first += block
        if self._is_note(name, first):
            for _ in blocks:
                pass
            self._left_out += 1
            return
        _write(self._goal(name), itertools.chain([first], blocks), executable=executable, modified=modified)
        self.files += 1
        self._packed.note(name, first)

    def hold(self, name: str, blocks: Iterable[bytes], *, modified: float) -> None:
        """Write a file whose place nobody knows yet: `place` says it."""
        path = self._held.setdefault(name, self.root / f"{self._holding}{len(self._held)}")
        path.unlink(missing_ok=True)
        _write(path, blocks, modified=modified)

    def place(self, name: str, goal: str) -> None:
        """Give a file that is held its place, if there is one of that name."""
        if (path := self._held.pop(name, None)) is None:
            return
        with path.open("rb") as file:
            first = file.read(HEAD)
        if goal.endswith("/"):
            self.folder(goal)
        elif self._is_note(goal, first):
            self._left_out += 1
        else:
            path.replace(self._goal(goal))
            self.files += 1
            self._packed.note(goal, first)
            return
        path.unlink()

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link. `finish` looks where it leads."""
        depth = [len(self._clean(name)) - 1]
        for word in target.split("/"):
            depth.append(depth[-1] + {"..": -1, ".": 0, "": 0}.get(word, 1))
        # Up and down again through the folder's own name would lead elsewhere once that has its final one.
        if target.startswith("/") or "\0" in target or not target or len(target) > LINKS or min(depth) < 0:
            raise BadArchive(self.archive, f"{name} is a link to {target!r}, outside the archive")
        self._goal(name).symlink_to(target)
        self._links.append("/".join(self._clean(name)))

    def hard_link(self, name: str, target: str) -> None:
        """Make another name for a file that an earlier member has made."""
        words = self._clean(target)
        self._folder(words[:-1])
        there = self.root.joinpath(*words)
        if not words or not there.exists() or not stat.S_ISREG(there.lstat().st_mode):
            raise BadArchive(self.archive, f"{name} is another name for {target}, which is no file of the archive")
        os.link(there, self._goal(name), follow_symlinks=False)
        self.files += 1

    def mode(self, name: str, *, executable: bool) -> None:
        """Set a file's mode, for archives that say it at their end."""
        path = self.root.joinpath(*self._clean(name))
        if executable and path.is_file() and not path.is_symlink():
            path.chmod(0o755)

    def finish(self) -> None:
        """Look where every link leads, and say what was left out.

        Raises `BadArchive` for a link that leads out, and where there is no file.
        """
        if self._left_out:
            say(f"{self.archive}: {self._left_out:,} notes of macOS' own are left out ({MACOS}, ._NAME)")
        self._packed.say(self.archive)
        if not self.files:
            raise BadArchive(self.archive, "it holds no files")
        root = os.path.realpath(self.root)
        for name in self._links:
            path = self.root / name
            if path.is_symlink() and os.path.commonpath([root, os.path.realpath(path)]) != root:
                raise BadArchive(self.archive, f"{name} is a link to {os.readlink(path)!r}, outside the archive")  # noqa: PTH115 - as it was written

    def _is_note(self, name: str, first: bytes) -> bool:
        """Return whether a file is no file of the user's, but what macOS noted of one."""
        words = self._clean(name)
        if len(words) > 1 and words[0] == MACOS:
            return True
        return bool(words) and words[-1].startswith("._") and first.startswith(APPLE_DOUBLE)

    def _clean(self, name: str) -> list[str]:
        """Return the words of a member's path. Raises `BadArchive` for one that leads out."""
        words = [word for word in name.split("/") if word not in ("", ".")]
        if name.startswith("/") or ".." in words or "\0" in name:
            raise BadArchive(self.archive, f"{name!r} leads out of the data set's folder")
        try:
            os.fsencode(name)
        except UnicodeEncodeError as error:
            raise BadArchive(self.archive, f"{name!r} is no name that a file can have") from error
        return words

    def _folder(self, words: list[str]) -> None:
        """Make a folder and those above it. Raises `BadArchive` where one of them is a link or a file."""
        path = "/".join(words)
        if path in self._folders:
            return
        self._folder(words[:-1])
        goal = self.root / path
        try:
            goal.mkdir()
        except FileExistsError:
            raise BadArchive(self.archive, f"{path!r} is a folder and something else at once") from None
        self._folders.add(path)

    def _goal(self, name: str) -> Path:
        """Return where a member goes, with nothing there."""
        words = self._clean(name)
        if not words or "/".join(words) in self._folders:
            raise BadArchive(self.archive, f"{name!r} is a folder and something else at once")
        self._folder(words[:-1])
        goal = self.root.joinpath(*words)
        goal.unlink(missing_ok=True)
        return goal


def _write(path: Path, blocks: Iterable[bytes], *, executable: bool = False, modified: float | None = None) -> None:
    """Write a file that is not there yet."""
    mode = 0o755 if executable else 0o644
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    with os.fdopen(file, "wb") as out:
        for block in blocks:
            out.write(block)
    if modified is not None and 0 <= modified < 2**33:
        os.utime(path, (modified, modified))
