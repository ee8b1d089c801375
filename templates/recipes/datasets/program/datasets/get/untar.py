"""Unpack a tar archive, or one compressed file, while it arrives."""

from __future__ import annotations

import contextlib
import tarfile
from typing import IO, TYPE_CHECKING

from datasets.get.decompress import Decompressor
from datasets.get.output import BadArchive, TruncatedArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datasets.get.names import Names
    from datasets.get.output import OutputFolder
    from datasets.get.stream import ArrivingArchive

BLOCK = 2**20


class _Member(tarfile.TarInfo):
    """A member's header; one that is damaged is an error, and an archive without its end mark is not whole."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _Member:
        """Read the next header."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # nowhere documented
            raise
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError) as error:  # type: ignore[attr-defined]
            raise TruncatedArchive from error
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def untar(archive: ArrivingArchive, compression: str, output: OutputFolder, names: Names) -> None:
    """Unpack an archive into a folder. Raises `BadArchive` for what is damaged, or is to land anywhere else.

    Names that are no UTF-8 keep their bytes, unless the user says what they are.
    """
    name = names.archive
    stream: contextlib.AbstractContextManager[IO[bytes]] = contextlib.nullcontext(archive)  # type: ignore[arg-type]
    if compression:
        stream = Decompressor(archive, compression, name)
    with stream as file:
        try:
            letters = names.encoding or "utf-8"
            with tarfile.open(fileobj=file, mode="r|", tarinfo=_Member, bufsize=BLOCK, encoding=letters) as members:
                while (member := members.next()) is not None:
                    names.separated(names.kept(member.name))
                    _unpack(members, member, output, name)
                    # Else it would keep every header of the archive.
                    members.members = []  # type: ignore[attr-defined]
        except tarfile.TarError as error:
            end = "unexpected end" in str(error)
            raise (TruncatedArchive() if end else BadArchive(name, f"it is damaged: {error}")) from error
        except (ValueError, LookupError, OverflowError) as error:  # a field of a header that means nothing
            raise BadArchive(name, f"it is damaged: {error}") from error
        # Behind the end mark, too: a checksum at the stream's end is part of it.
        while file.read(BLOCK):
            pass
    archive.finish()


def _unpack(members: tarfile.TarFile, member: tarfile.TarInfo, output: OutputFolder, archive: str) -> None:
    if member.isdir():
        output.folder(member.name)
    elif member.isreg():
        output.file(member.name, _blocks(members, member), executable=bool(member.mode & 0o100), modified=member.mtime)
    elif member.issym():
        output.link(member.name, member.linkname)
    elif member.islnk():
        output.hard_link(member.name, member.linkname)
    else:
        raise BadArchive(archive, f"{member.name} is a device or a pipe, which no data set has")


def _blocks(members: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = members.extractfile(member)
    assert file is not None  # noqa: S101 - only a file is asked for
    with file:
        while block := file.read(BLOCK):
            yield block


def decompress(archive: ArrivingArchive, compression: str, output: OutputFolder, name: str) -> None:
    """Write the one file that is in a compressed one, by its name without the ending."""
    bare = name.rpartition(".")[0]
    with Decompressor(archive, compression, name) as file:
        output.file(bare, iter(lambda: file.read(BLOCK), b""))
    archive.finish()
