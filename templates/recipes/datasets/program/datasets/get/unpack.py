"""Unpack one archive from its parts, whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import shutil
from typing import TYPE_CHECKING

from datasets.disk import DISK_FULL, full, sync_filesystem
from datasets.get.names import Names
from datasets.get.output import BadArchive, OutputFolder, TruncatedArchive
from datasets.get.packed import check_kind
from datasets.get.stream import ArrivingArchive, WholeArchive
from datasets.get.untar import decompress, untar
from datasets.get.unzip import NotStreamable, unzip, unzip_whole
from datasets.messages import Failure, human_size, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from datasets.get.download import Downloads
    from datasets.get.groups import Group
    from datasets.get.meter import Meter
    from datasets.get.part import Part
    from datasets.get.sources import Source
    from datasets.get.sums import Sum

KEPT = "what has arrived is kept, and what was unpacked has been deleted"
READ = "what has been read of it has been deleted"


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A group of files: what is to become of it, and where."""

    group: Group
    sources: Sequence[Source]
    sums: Mapping[str, Sum]
    folder: Path
    """Where its archive is unpacked to: there only once all of it is."""
    encoding: str = ""
    """In which letters the names in it are, where the user says so."""

    @property
    def _state(self) -> object:
        """What is another thing as soon as one of the files or checksums is another one."""
        letters = [self.encoding] if self.encoding else []
        return json.loads(json.dumps([[source.info.state for source in self.sources], self.sums, *letters]))

    @property
    def done(self) -> bool:
        """Return whether it has been unpacked already, from these very files."""
        note = self.folder.with_suffix(".json")
        return note.exists() and bool(json.loads(note.read_text(encoding="utf-8")) == self._state)

    def note_done(self) -> None:
        """Write down what it was unpacked from."""
        note = self.folder.with_suffix(".json.new")
        note.write_text(json.dumps(self._state), encoding="utf-8")
        note.replace(self.folder.with_suffix(".json"))


def unpack(job: Job, parts: Sequence[Part], downloads: Downloads, meter: Meter, *, frugal: bool) -> OutputFolder:
    """Unpack a job's archive into its folder. Raises `Failure`."""
    new = job.folder.with_suffix(".new")
    for path in (job.folder, new):
        shutil.rmtree(path, ignore_errors=True)
    try:
        with contextlib.closing(ArrivingArchive(parts, downloads, job.sums, frugal=frugal)) as archive:
            output = _unpack_into(new, job, archive, meter)
        output.finish()
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, BadArchive):
            for part in parts:
                part.forget()
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise full(job.folder.parent, READ if frugal else KEPT) from error
        if isinstance(error, TruncatedArchive):
            raise _truncated(job, str(error)) from error
        raise
    sync_filesystem(new)
    new.replace(job.folder)
    job.note_done()
    return output


def _unpack_into(new: Path, job: Job, archive: ArrivingArchive, meter: Meter) -> OutputFolder:
    name, names = job.group.name, Names(job.group.name, job.encoding)
    output = OutputFolder(new, name)
    meter.unpacking = archive, output
    check_kind(name, archive.first(), job.group.kind)
    form, _, compression = job.group.kind.partition(".")
    if form == "tar":
        untar(archive, compression, output, names)
    elif form == "zip":
        output = _unzip_into(output, archive, names, meter)
    else:
        decompress(archive, form, output, name)
    for note in names.notes():
        say(note)
    return output


def _unzip_into(output: OutputFolder, archive: ArrivingArchive, names: Names, meter: Meter) -> OutputFolder:
    """Unpack a zip archive while it comes, or else into a new folder once it is here."""
    try:
        unzip(archive, output, names)
    except NotStreamable:
        archive.keep()
        archive.finish()
        shutil.rmtree(output.root)
        output = OutputFolder(output.root, names.archive)
        meter.unpacking = archive, output
        with WholeArchive(archive.parts) as whole, io.BufferedReader(whole, 2**18) as file:
            unzip_whole(file, output, names)
    return output


def _truncated(job: Job, why: str) -> Failure:
    """Return the error of an archive that ends too early: its parts stay, for one more may be all that it lacks."""
    problem = f"{job.group.name} ends too early{f' ({why})' if why else ''}"
    if endless := [source.address for source in job.sources if source.info.size is None]:
        where = ", ".join(endless)
        return Failure(
            f"{problem}: the connection ended, and nobody says how long {where} is", "the same command goes on"
        )
    last = job.sources[-1]
    hint = "see whether it is whole there; where a part comes after it, the same command with that one too goes on"
    return Failure(f"{problem}, and all {human_size(last.info.size or 0)} of {last.address} are here", hint)
