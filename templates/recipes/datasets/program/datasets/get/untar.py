"""Unpack a tar archive while it comes."""

from __future__ import annotations

import contextlib
import tarfile
from typing import IO, TYPE_CHECKING

from datasets.get.pipe import PROGRAMS, Pipe
from datasets.get.tree import Bad, Short

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datasets.get.feed import Feed
    from datasets.get.tree import Tree

BLOCK = 2**20


class _Cut(Exception):
    """No header, and no end mark, where `tarfile` would take the archive to have ended."""


class _Damaged(Exception):
    """A header that is none, where it would do so, too."""


class _Member(tarfile.TarInfo):
    """A member's header; one that is damaged is an error, and an archive without its end mark is not whole."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:
        """Read the next header."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:
            raise
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError) as error:
            raise _Cut from error
        except tarfile.HeaderError as error:
            raise _Damaged(str(error)) from error


def untar(feed: Feed, kind: str, tree: Tree, archive: str) -> None:
    """Unpack a feed into a tree. Raises `Bad` for what is damaged, or is to land anywhere else."""
    stream: contextlib.AbstractContextManager[IO[bytes]] = contextlib.nullcontext(feed)  # type: ignore[arg-type]
    if kind in PROGRAMS:
        stream = Pipe(feed, kind, archive)
    with stream as file:
        try:
            with tarfile.open(fileobj=file, mode="r|", tarinfo=_Member, bufsize=BLOCK) as members:
                while (member := members.next()) is not None:
                    _place(members, member, tree, archive)
                    # Else it would keep every header of the archive.
                    members.members = []
        except _Cut as error:
            raise Short from error
        except (tarfile.TarError, _Damaged) as error:
            end = "unexpected end" in str(error)
            raise (Short() if end else Bad(archive, f"it is damaged: {error}")) from error
        # Behind the end mark, too: a checksum at the stream's end is part of it.
        while file.read(BLOCK):
            pass
    feed.finish()


def _place(members: tarfile.TarFile, member: tarfile.TarInfo, tree: Tree, archive: str) -> None:
    if member.isdir():
        tree.folder(member.name)
    elif member.isreg():
        tree.file(member.name, _blocks(members, member), executable=bool(member.mode & 0o100), modified=member.mtime)
    elif member.issym():
        tree.link(member.name, member.linkname)
    elif member.islnk():
        tree.again(member.name, member.linkname)
    else:
        raise Bad(archive, f"{member.name} is a device or a pipe, which no data set has")


def _blocks(members: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    with contextlib.closing(members.extractfile(member)) as file:  # type: ignore[type-var]
        while block := file.read(BLOCK):
            yield block
