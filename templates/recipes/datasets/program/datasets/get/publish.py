"""The place of a data set: the hidden folder that it is made in, its name, and the record of what it was made from."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

from datasets.disk import sync_filesystem
from datasets.messages import bad_input, human_size, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from datasets.get.sources import Source
    from datasets.get.unpack import Job


class Place:
    """Where a data set is made, `.NAME.part`, and where it goes; `request` is the digest of what was asked for."""

    def __init__(self, datasets: Path, name: str, request: str) -> None:
        self.goal, self.scratch = datasets / name, datasets / f".{name}.part"
        self._record, self._new_record = datasets / f".{name}.json", self.scratch / "record.json"
        self._request = request

    def published(self) -> bool:
        """Return whether it is there, whole. Raises `Failure` where something else has its name."""
        if not self.goal.exists():
            return False
        if self._new_record.exists():
            self._new_record.replace(self._record)
        record = json.loads(self._record.read_text(encoding="utf-8")) if self._record.exists() else {}
        shutil.rmtree(self.scratch)
        if record.get("order") != self._request:
            what = "from other addresses, or by other options" if record else "and was not fetched from the net"
            hint = f"give this one another name by --name; or delete that one first, on the host: rm -r {self.goal}"
            raise bad_input(f"{self.goal} is there already, {what}", hint)
        say(f"{self.goal} is there already, whole since {record['at']}")
        return True

    def forget_other_request(self) -> None:
        """Delete what was made of other addresses' files; what was fetched of the same ones stays."""
        note = self.scratch / "order"
        if note.exists() and note.read_text(encoding="ascii") != self._request:
            shutil.rmtree(self.scratch / "whole", ignore_errors=True)
            shutil.rmtree(self.scratch / "sets", ignore_errors=True)
        note.write_text(self._request, encoding="ascii")

    def holds_data(self) -> bool:
        """Return whether any byte of the data is here."""
        folders = [self.scratch / name for name in ("whole", "sets", "files")]
        return any(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())

    def publish(self, whole: Path, sources: Iterable[Source]) -> None:
        """Give the whole its name, and write down what it was made from."""
        # What is renamed has to be on the disk: a power cut must not leave names without bytes.
        sync_filesystem(self.scratch)
        files = [
            {"from": source.address, **dict(zip(("name", "size", "etag", "modified"), source.info.state, strict=True))}
            for source in sources
        ]
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        record = json.dumps({"order": self._request, "at": at, "files": files}, indent=1)
        self._new_record.write_text(f"{record}\n", encoding="utf-8")
        whole.replace(self.goal)
        self._new_record.replace(self._record)
        shutil.rmtree(self.scratch)
        count = size = 0
        for folder, _, names in os.walk(self.goal):
            count += len(names)
            size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)  # noqa: PTH118 - of millions
        say(f"{self.goal} is whole: {count:,} {'file' if count == 1 else 'files'}, {human_size(size)}")


def assemble(jobs: Sequence[Job], scratch: Path) -> Path:
    """Put all that was fetched into one folder. Raises `Failure` where two archives have a file of one name."""
    if len(jobs) == 1 and jobs[0].group.kind:
        return jobs[0].folder
    names = {job: _names(job.folder) if job.group.kind else job.group.files for job in jobs}
    owners: dict[str, str] = {}
    for job in jobs:
        for name in names[job]:
            if (other := owners.setdefault(name, job.group.name)) != job.group.name:
                problem = f"{other} and {job.group.name} both have a file {name}"
                raise bad_input(problem, "fetch each by its own --name")
    whole = scratch / "whole"
    for job in jobs:
        for name in names[job]:
            goal = whole / name
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.unlink(missing_ok=True)
            if job.group.kind:
                (job.folder / name).replace(goal)
            else:
                # Its part stays until all is done: cut off here, it would be fetched again.
                os.link(scratch / "files" / name, goal)
    return whole


def _names(folder: Path) -> list[str]:
    """Return the paths of a folder's files and links."""
    found = []
    for path, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(path, name))]  # noqa: PTH114, PTH118
        found += [os.path.relpath(os.path.join(path, name), folder) for name in (*names, *links)]  # noqa: PTH118
    return found
