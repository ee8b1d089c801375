"""Bring a data set together: look, make sure of the room, fetch, check, unpack; it gets its name once it is whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.get import sums
from datasets.get.disk import Ballast, free, settle
from datasets.get.download import KEPT, Downloads
from datasets.get.feed import check
from datasets.get.look import look
from datasets.get.meter import Meter
from datasets.get.part import Part
from datasets.get.sets import group
from datasets.get.sources import Changed, shown
from datasets.get.unpack import unpack
from datasets.get.words import Stop, amount, refuse, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets.get.sets import Set
    from datasets.get.sources import Source
    from datasets.get.sums import Sum

AHEAD = 2**28
"""Bytes that --frugal lets lie unread."""
RESTARTS = 2
"""Times that a file may turn into another one in the middle of its download."""


class Fetch:
    """One data set on its way: `.NAME.part` beside it until it is whole."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.order = order
        place = Path(order["place"])
        self.goal, self.record = place / order["name"], place / f".{order['name']}.json"
        self.scratch = place / f".{order['name']}.part"
        self.ballast = Ballast(self.scratch / "ballast")
        wanted = [order["urls"], order["unpack"]]
        self.digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()

    def run(self) -> None:
        """Fetch it, or what is missing of it. Raises `Stop`."""
        self.scratch.mkdir(exist_ok=True)
        with (self.scratch / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Stop(
                    f"{self.order['name']} is being fetched already", "fab ps, and fab logs NAME --follow"
                ) from None
            if self._there():
                return
            self._forget_another()
            self.ballast.take()
            try:
                self._tries()
            except Stop:
                if not self._arrived():
                    shutil.rmtree(self.scratch)
                raise

    def _tries(self) -> None:
        """Fetch, anew where a file becomes another one in the middle of it."""
        for _ in range(RESTARTS + 1):
            try:
                self._once()
            except Changed as changed:
                say(f"{changed} became another file while it was fetched: from its beginning")
            else:
                return
        raise Stop(f"{', '.join(map(shown, self.order['urls']))}: the files change again and again", KEPT)

    def _arrived(self) -> bool:
        """Return whether any byte of the data is here."""
        held = [self.scratch / name for name in ("whole", "sets", "files")]
        return any(path.stat().st_size for folder in held for path in folder.rglob("*") if path.is_file())

    def _there(self) -> bool:
        """Return whether it is there, whole. Raises `Stop` where something else has its name."""
        if not self.goal.exists():
            return False
        half = self.scratch / "record.json"
        if half.exists():
            half.replace(self.record)
        about = json.loads(self.record.read_text(encoding="utf-8")) if self.record.exists() else {}
        shutil.rmtree(self.scratch)
        if about.get("order") != self.digest:
            what = "from other addresses" if about else "and was not fetched from the net"
            hint = f"give this one another name by --name; or delete that one first, on the host: rm -r {self.goal}"
            raise refuse(f"{self.goal} is there already, {what}", hint)
        say(f"{self.goal} is there already, whole since {about['at']}")
        return True

    def _forget_another(self) -> None:
        """Delete what was made of other addresses' files; what was fetched of the same ones stays."""
        note = self.scratch / "order"
        if note.exists() and note.read_text(encoding="ascii") != self.digest:
            shutil.rmtree(self.scratch / "whole", ignore_errors=True)
            shutil.rmtree(self.scratch / "sets", ignore_errors=True)
        note.write_text(self.digest, encoding="ascii")

    def _once(self) -> None:
        sources = {source.facts.name: source for source in look(self.order, self.scratch)}
        sets = group(sources, unpack=self.order["unpack"])
        wanted = sums.wanted(self.order, sets)
        folders = {one: self.scratch / "sets" / hashlib.sha256(one.name.encode()).hexdigest()[:16] for one in sets}
        marks = {one: [[sources[name].facts.state for name in one.files], wanted[one]] for one in sets}
        todo = [one for one in sets if not (one.kind and _marked(folders[one], marks[one]))]
        changed = threading.Condition()
        parts = {one: [self._part(sources[name], one, changed) for name in one.files] for one in todo}
        flat = [part for one in todo for part in parts[one]]
        try:
            self._room(parts)
            frugal = self.order["frugal"]
            ahead = AHEAD if frugal else sys.maxsize
            downloads = Downloads(flat, changed, parallel=self.order["parallel"], ahead=ahead)
            with downloads, Meter(flat, downloads) as meter:
                for one in todo:
                    if one.kind:
                        tree = unpack(one, parts[one], downloads, meter, wanted[one], folders[one], frugal=frugal)
                        _mark(folders[one], marks[one])
                        meter.unpacked += tree.files
                    else:
                        self._check_plain(parts[one][0], downloads, wanted[one])
        finally:
            for part in flat:
                part.close()
        for part in (part for one in todo if one.kind for part in parts[one]):
            part.forget()
        self._finish({one: folders[one] for one in sets}, sources)

    def _part(self, source: Source, one: Set, changed: threading.Condition) -> Part:
        part = Part(source, self.scratch / "files" / source.facts.name, changed)
        part.stays = not one.kind
        return part

    def _check_plain(self, part: Part, downloads: Downloads, wanted: Mapping[str, Sum]) -> None:
        """Wait for a file that stays as it is, and check it."""
        downloads.wait(part)
        for name, value in wanted.items():
            check(name, value, sums.digest_of(part.path, value[0]), [part])

    def _room(self, parts: Mapping[Set, list[Part]]) -> None:
        """Raise `Stop` where there is not even the room that can be told of now."""
        need = 0
        for one, own in parts.items():
            size, here = sum(part.size or 0 for part in own), sum(part.here for part in own)
            kept = min(size, AHEAD) if self.order["frugal"] and one.kind else size
            # Unpacked it is at least as large, as good as always.
            need += max(0, kept - here) + (size if one.kind else 0)
        if need > (left := free(self.scratch)):
            archives = any(one.kind for one in parts)
            less = "; --frugal keeps no part once it is unpacked" if archives and not self.order["frugal"] else ""
            problem = f"there is room for {amount(left)} at {self.goal.parent}, and this takes at least {amount(need)}"
            raise Stop(problem, f"make room, or: fab volume-grow --size GIB{less}")

    def _finish(self, folders: Mapping[Set, Path], sources: Mapping[str, Source]) -> None:
        """Give the whole its name, and write down what it was made from."""
        whole = self._whole(folders)
        # What is renamed has to be on the disk: a power cut must not leave names without bytes.
        settle(self.scratch)
        files = [{"from": source.address, **_facts(source)} for source in sources.values()]
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        half = self.scratch / "record.json"
        half.write_text(json.dumps({"order": self.digest, "at": at, "files": files}, indent=1) + "\n", encoding="utf-8")
        whole.replace(self.goal)
        half.replace(self.record)
        shutil.rmtree(self.scratch)
        count = size = 0
        for folder, _, names in os.walk(self.goal):
            count += len(names)
            size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names)  # noqa: PTH118 - of millions
        say(f"{self.goal} is whole: {count:,} {'file' if count == 1 else 'files'}, {amount(size)}")

    def _whole(self, folders: Mapping[Set, Path]) -> Path:
        """Put what the sets have become into one folder. Raises `Stop` where two have a file of one name."""
        if len(folders) == 1 and next(iter(folders)).kind:
            return next(iter(folders.values()))
        whole = self.scratch / "whole"
        owners: dict[str, str] = {}
        for one, folder in folders.items():
            for name in _names(folder) if one.kind else one.files:
                if (other := owners.setdefault(name, one.name)) != one.name:
                    raise refuse(f"{other} and {one.name} both have a file {name}", "fetch each by its own --name")
        for one, folder in folders.items():
            for name in _names(folder) if one.kind else one.files:
                goal = whole / name
                goal.parent.mkdir(parents=True, exist_ok=True)
                goal.unlink(missing_ok=True)
                if one.kind:
                    (folder / name).replace(goal)
                else:
                    # Its part stays until all is done: cut off here, it would be fetched again.
                    os.link(self.scratch / "files" / name, goal)
        return whole


def _names(folder: Path) -> list[str]:
    """Return the paths of a folder's files and links."""
    found = []
    for path, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(path, name))]  # noqa: PTH114, PTH118
        found += [os.path.relpath(os.path.join(path, name), folder) for name in (*names, *links)]  # noqa: PTH118
    return found


def _facts(source: Source) -> dict[str, Any]:
    facts = source.facts
    return {"name": facts.name, "size": facts.size, "etag": facts.etag, "modified": facts.modified}


def _marked(folder: Path, mark: object) -> bool:
    """Return whether a set is unpacked already, from these very files."""
    note = folder.with_suffix(".json")
    return note.exists() and json.loads(note.read_text(encoding="utf-8")) == json.loads(json.dumps(mark))


def _mark(folder: Path, mark: object) -> None:
    note = folder.with_suffix(".json.new")
    note.write_text(json.dumps(mark), encoding="utf-8")
    note.replace(folder.with_suffix(".json"))
