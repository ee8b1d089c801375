"""Fetch a data set: ask the sources, make sure of the room, download, check, unpack, and give the whole its name."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.disk import free, take_ballast
from datasets.get import sums
from datasets.get.download import KEPT, Downloads
from datasets.get.groups import group_files
from datasets.get.meter import Meter
from datasets.get.packed import HEAD, Packed
from datasets.get.part import Part
from datasets.get.probe import probe
from datasets.get.publish import Place, assemble
from datasets.get.sources import SourceChanged, redacted
from datasets.get.unpack import Job, unpack
from datasets.messages import Failure, human_size, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets.get.sources import Source

AHEAD = 2**28
"""Bytes that --frugal lets lie unread."""
RESTARTS = 2
"""Times that a file may turn into another one in the middle of its download."""


class Fetch:
    """One data set on its way: `.NAME.part` beside it until it is whole."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.order = order
        letters = [order["names"]] if order["names"] else []
        request = json.dumps([order["urls"], order["unpack"], *letters])
        self.place = Place(Path(order["place"]), order["name"], hashlib.sha256(request.encode()).hexdigest())
        self.ballast = self.place.scratch / "ballast"
        """Room for last words."""

    def run(self) -> None:
        """Fetch it, or what is missing of it. Raises `Failure`."""
        scratch = self.place.scratch
        scratch.mkdir(exist_ok=True)
        with (scratch / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                problem = f"{self.order['name']} is being fetched already"
                raise Failure(problem, "fab ps, and fab logs NAME --follow") from None
            if self.place.published():
                return
            self.place.forget_other_request()
            take_ballast(self.ballast)
            try:
                self._with_restarts()
            except Failure:
                if not self.place.holds_data():
                    shutil.rmtree(scratch)
                raise

    def _with_restarts(self) -> None:
        """Fetch, anew where a file becomes another one in the middle of it."""
        for _ in range(RESTARTS + 1):
            try:
                self._fetch()
            except SourceChanged as changed:
                say(f"{changed} became another file while it was fetched: from its beginning")
            else:
                return
        raise Failure(f"{', '.join(map(redacted, self.order['urls']))}: the files change again and again", KEPT)

    def _fetch(self) -> None:
        sources = {source.info.name: source for source in probe(self.order, self.place.scratch)}
        jobs = self._jobs(sources)
        todo = {job: self._parts(job) for job in jobs if not (job.group.kind and job.done)}
        self._check_room(todo)
        parts = [part for job_parts in todo.values() for part in job_parts]
        frugal, parallel = self.order["frugal"], self.order["parallel"]
        packed = Packed()
        downloads = Downloads(parts, parallel=parallel, ahead=AHEAD if frugal else sys.maxsize)
        with downloads, Meter(parts, downloads) as meter:
            for job, (first, *others) in todo.items():
                if job.group.kind:
                    meter.unpacked += unpack(job, [first, *others], downloads, meter, frugal=frugal).files
                else:
                    downloads.wait_for(functools.partial(getattr, first, "whole"))
                    sums.check_file(first, job.sums)
                    if self.order["unpack"]:
                        packed.note(first.info.name, _beginning(first.path))
        packed.say()
        for part in parts:
            if not part.stays:
                part.forget()
        self.place.publish(assemble(jobs, self.place.scratch), sources.values())

    def _jobs(self, sources: Mapping[str, Source]) -> list[Job]:
        """Return what is to be done with the files, by name. Raises `Failure` where parts or checksums are missing."""
        groups = group_files(sources, unpack=self.order["unpack"])
        wanted = sums.wanted(self.order, groups)
        folders = [hashlib.sha256(group.name.encode()).hexdigest()[:16] for group in groups]
        place = self.place.scratch / "sets"
        return [
            Job(group, [sources[name] for name in group.files], wanted[group], place / folder, self.order["names"])
            for group, folder in zip(groups, folders, strict=True)
        ]

    def _parts(self, job: Job) -> list[Part]:
        folder = self.place.scratch / "files"
        return [Part(source, folder / source.info.name, stays=not job.group.kind) for source in job.sources]

    def _check_room(self, jobs: Mapping[Job, Sequence[Part]]) -> None:
        """Raise `Failure` where there is not even the room that can be told of now."""
        frugal, need = self.order["frugal"], 0
        for job, parts in jobs.items():
            size, held = sum(part.size or 0 for part in parts), sum(part.held.size for part in parts)
            kept = min(size, AHEAD) if frugal and job.group.kind else size
            # Unpacked it is at least as large, as good as always.
            need += max(0, kept - held) + (size if job.group.kind else 0)
        if need > (room := free(self.place.scratch)):
            archives = any(job.group.kind for job in jobs)
            less = "; --frugal keeps no part once it is unpacked" if archives and not frugal else ""
            where = self.place.goal.parent
            problem = f"there is room for {human_size(room)} at {where}, and this takes at least {human_size(need)}"
            raise Failure(problem, f"make room, or: fab volume-grow --size GIB{less}")


def _beginning(path: Path) -> bytes:
    """Return a file's first bytes."""
    with path.open("rb") as file:
        return file.read(HEAD)
