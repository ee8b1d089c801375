"""The entries on the job volume: packed, checked, unpacked, pruned.

An entry is a folder: parts, an index with the size and SHA-256 of each, and a signature (`kept_signs`). It appears
under its name by a rename, when it is whole; what a power cut leaves of it is not what its index says, and that is
found out before any of it is used. The folder of all entries was another machine's too: what lies in it may be a link.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from provision.agent.kept_parts import (
    INDEX,
    TAR,
    UNPACK,
    WORKERS,
    index_of,
    is_large_plain_file,
    pump,
    split_for_workers,
    takes_direct,
)
from provision.agent.kept_signs import SIGNATURE, note, vouched_for
from provision.agent.kept_stage import remove

if TYPE_CHECKING:
    from typing import Callable, List, Optional

    from provision.agent.kept_stage import Stage
    from provision.agent.wire.documents import Index, Part

SHARE = 0.4
"""Part of the volume that entries may take; those longest unused go first."""
RESERVE = 0.05
"""Part of the volume that stays free for the user's own work while something is being kept."""
PACKED = 4
"""How many times smaller files may become, at best: what would not fit even then need not be packed."""
NO_ROOM = "there is no room for it"


def size_of(entry: Path) -> int:
    """Return the bytes of an entry, or of a single file."""
    files = entry.iterdir() if entry.is_dir() and not entry.is_symlink() else [entry]
    return sum(file.lstat().st_size for file in files)


class Store:
    """The entries on one host's job volume."""

    def __init__(self, folder: Path, since: Callable[[], float]) -> None:
        """Look into a folder of entries; `since`: when the first of the steps that still go began, in seconds."""
        self.folder = folder
        self.since = since
        self.left = 0
        self.counting = threading.Lock()

    # -- keeping

    def add(self, name: str, paths: List[str]) -> int:
        """Keep these paths as an entry; returns its size. Raises `OSError`, and then there is none."""
        part = self.folder / f"{name}.part"
        remove(part)
        try:
            self.open(sum(os.lstat(path).st_size for path in paths) // PACKED)
            part.mkdir(mode=0o700)
            alone = [path for path in paths if is_large_plain_file(path)]
            rest = sorted(set(paths) - set(alone))
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                jobs = [
                    pool.submit(self._archive, part, number, some)
                    for number, some in enumerate(split_for_workers(rest))
                ]
                jobs += [pool.submit(self._pack, part, number, path) for number, path in enumerate(alone)]
                rows = [job.result() for job in jobs]
            text = json.dumps({"rows": rows, "folders": sorted({path.rpartition("/")[0] for path in paths})})
            digest = hashlib.sha256(text.encode()).hexdigest()
            (part / INDEX).write_text(f"{digest}\n{text}", encoding="ascii")
            self.make_room()
            remove(self.folder / name)
            note(name, digest)
            part.rename(self.folder / name)
        finally:
            remove(part)
        return size_of(self.folder / name)

    def _archive(self, part: Path, number: int, paths: List[str]) -> Part:
        """Pack what is small, linked, or no file at all, as an archive."""
        names = part / f"names-{number}"
        names.write_bytes(b"\0".join(os.fsencode(path) for path in paths))
        words = ["--directory=/", "--create", "--no-recursion", "--null", f"--files-from={names}"]
        row = self._write(part, f"rest-{number}", [*TAR, *words])
        names.unlink()
        return row

    def _pack(self, part: Path, number: int, path: str) -> Part:
        seen = os.lstat(path)
        row = self._write(part, str(number), ["zstd", "-1", "-qc", path])
        return {**row, "path": path, "mode": seen.st_mode, "mtime": seen.st_mtime_ns}

    def _write(self, part: Path, name: str, command: List[str]) -> Part:
        """Write what a command prints as a part; returns the part's row for the index."""
        null = subprocess.DEVNULL
        process: Any
        with subprocess.Popen(command, stdin=null, stdout=subprocess.PIPE, stderr=null) as process:
            try:
                with (part / name).open("wb") as goal:
                    size, digest = pump(process.stdout, goal, self.spend)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            raise OSError(f"{command[0]} ended with exit code {process.returncode}: it changed while it was read")
        return {"part": name, "size": size, "sha256": digest}

    def open(self, expected: int) -> None:
        """Look how much room there is. Raises `OSError` where so many bytes will never fit."""
        disk = shutil.disk_usage(self.folder)
        self.left = int(min(disk.total * SHARE, disk.free - disk.total * RESERVE))
        if expected > self.left:
            raise OSError(NO_ROOM)

    def spend(self, size: int) -> None:
        """Take so much of the room."""
        with self.counting:
            self.left -= size
            if self.left < 0:
                raise OSError(NO_ROOM)

    def make_room(self) -> None:
        """Come back to the share: what was unused for longest goes.

        What a step that still goes has used or is adding stays. Raises `OSError`, and drops nothing, where that is too
        much.
        """
        sizes = {path: size_of(path) for path in self.folder.iterdir()}
        over = sum(sizes.values()) - int(shutil.disk_usage(self.folder).total * SHARE)
        since = self.since()
        unused = [path for path in sizes if path.lstat().st_mtime < since]
        if over > sum(sizes[path] for path in unused):
            raise OSError(NO_ROOM)
        for path in sorted(unused, key=lambda path: path.lstat().st_mtime):
            if over <= 0:
                return
            self.drop(path.name)
            over -= sizes[path]

    def drop(self, name: str) -> None:
        """Delete an entry; half of it is not taken for one, whenever this is cut off."""
        path = self.folder / name
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(FileNotFoundError):
                (path / INDEX).unlink()
        remove(path)

    # -- putting back

    def index(self, name: str) -> Optional[Index]:
        """Return an entry's index, None where there is no entry.

        Raises `OSError` when it is not whole, or nobody who counts vouches for it: then none of it was believed.
        """
        entry = self.folder / name
        if not os.path.lexists(entry):
            return None
        if entry.is_symlink() or not entry.is_dir():
            raise OSError("it is no folder")
        digest, text = index_of(entry)
        if not vouched_for(name, digest, entry / SIGNATURE):
            raise OSError("it is not signed by a key that you trust")
        index: Index = json.loads(text)
        for row in index["rows"]:
            if (entry / row["part"]).lstat().st_size != row["size"]:
                raise OSError(f"part {row['part']} of it was cut short")
        return index

    def take(self, name: str, index: Index, stage: Stage) -> None:
        """Unpack an entry's files into a stage. Raises `OSError`: then some of them may be there."""
        entry = self.folder / name
        archives = [row for row in index["rows"] if "path" not in row]
        # The largest first: the last one to end should be a small one.
        alone = sorted((row for row in index["rows"] if "path" in row), key=lambda row: -row["size"])
        extract = [*TAR, f"--directory={stage.folder}", "--extract", "--no-same-owner", "--preserve-permissions"]
        # More than cores: while some wait for a disk, others compute.
        with concurrent.futures.ThreadPoolExecutor(2 * WORKERS) as pool:
            # Before anything of it is unpacked: tar has done it by the time that the last byte is known.
            for _ in pool.map(lambda row: self._check(entry, row), archives):
                pass
            # Before they begin: of two tars that make the same folder at once, one fails.
            stage.open(index["folders"])
            jobs: list[concurrent.futures.Future[Any]] = [
                pool.submit(self._through, entry, row, extract) for row in archives
            ]
            jobs += [
                pool.submit(self._unpack, entry, row, str(stage.large / str(number)))
                for number, row in enumerate(alone)
            ]
            for job in jobs:
                job.result()
        for number, row in enumerate(alone):
            (stage.large / str(number)).rename(stage.place(row["path"]))
        os.utime(entry)

    def _unpack(self, entry: Path, row: Part, path: str) -> None:
        """Unpack a file that is a part of its own."""
        flag = "direct" if takes_direct(path) else "append"
        if not self._through(entry, row, ["/bin/bash", "-o", "pipefail", "-c", UNPACK, path, flag]):
            raise OSError(f"part {row['part']} ends before its end")
        Path(path).chmod(stat.S_IMODE(row["mode"]))
        os.utime(path, ns=(row["mtime"], row["mtime"]))

    def _through(self, entry: Path, row: Part, command: List[str]) -> bool:
        """Send a part through a command; returns whether it took all of it: tar leaves the padding at the end."""
        process: Any
        whole = False
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            with contextlib.suppress(BrokenPipeError), process.stdin as goal:
                self._read(entry, row, goal)
                whole = True
            said = process.stderr.read()
        if process.returncode:
            raise OSError(f"part {row['part']}: {said.decode('utf-8', 'replace').strip()[-200:]}")
        return whole

    def _check(self, entry: Path, row: Part) -> None:
        """Read a part through. Raises `OSError` when it is not what was kept."""
        with Path(os.devnull).open("wb") as null:
            self._read(entry, row, null)

    @staticmethod
    def _read(entry: Path, row: Part, goal: IO[bytes]) -> None:
        with (entry / row["part"]).open("rb") as source:
            if pump(source, goal) != (row["size"], row["sha256"]):
                raise OSError(f"the checksum of part {row['part']} is wrong")
