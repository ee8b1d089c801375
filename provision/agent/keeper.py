"""Keep on the job volume what a step's install made, and put it back on the next box instead of making it again.

Three kinds of entries, all of
one step on one image and compute capability. "built": the folders that its recipe names. "whole": all else that its
install changed on the root file system, for a box whose packages, accounts and other steps are the very same; with it
nothing is left to install, and `verify` decides. "packages": what apt downloaded, for where there is no "whole".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from provision.agent.files import write
from provision.agent.kept_parts import TAR, temporary_path
from provision.agent.kept_scan import ROOT, below, changed, downloaded, machine_digest, packages, why_not_whole
from provision.agent.kept_store import NO_ROOM, Store
from provision.agent.mount import is_mounted
from provision.agent.paths import HOME, MACHINE_HOME
from provision.agent.processes import output, run_checked
from provision.agent.words import Kept

if TYPE_CHECKING:
    from provision.agent.wire.documents import Index, KeptAbout, Step

KINDS = ("built", "whole", "packages")


class Keeper:
    """What one run keeps and puts back. `fresh`: nothing is put back."""

    def __init__(self, about: KeptAbout, *, fresh: bool) -> None:
        self.mount = Path(about["mount"])
        self.volume = about["volume"]
        self.store = Store(self.mount / ".gpurig" / "kept")
        self.apart = about["apart"]
        self.fresh = fresh

    def usable(self) -> bool:
        """Return whether our volume is mounted there, with a folder that nobody but us can write to."""
        try:
            if not is_mounted(str(self.mount), self.volume) or not shutil.which("zstd"):
                return False
            for path in (self.store.folder.parent, self.store.folder):
                with contextlib.suppress(FileExistsError):
                    path.mkdir(mode=0o700)
                seen = path.lstat()
                if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o022:
                    return False
            self.store.folder.chmod(0o700)
            for part in self.store.folder.glob("*.part"):
                shutil.rmtree(part, ignore_errors=True)
        except OSError:
            return False
        return True

    def build(self, step: Step, log: BinaryIO) -> Build:
        """Begin a step's install."""
        return Build(self, step, log)


class Build:
    """One step's install: what was kept of it, and what will be."""

    def __init__(self, keeper: Keeper, step: Step, log: BinaryIO) -> None:
        self.keeper = keeper
        self.store = keeper.store
        self.step = step
        self.log = log
        self.trees = step["keeps"]
        self.back: set[str] = set()
        self.full = False
        # An entry that is there stays as it was made, on a box that had nothing before: unless it did not do.
        self.anew = keeper.fresh
        # What a run before this one put back and could not finish with.
        self.undo()
        self.usable = keeper.usable()
        self.wanted = KINDS if self.usable and not keeper.fresh else ()
        # Where `download` of lib.sh looks, by checksum, and leaves what it brought.
        self.env = {"GPURIG_KEPT": str(self.store.folder)} if self.wanted else {}
        self.before = packages()
        self.since = 0
        exact = hashlib.sha256((step["key"] + machine_digest({*keeper.apart, step["name"]})).encode()).hexdigest()
        keys = {"whole": exact, "built": step["key"], "packages": step["key"]}
        self.names = {kind: f"{step['name']}-{kind}-{keys[kind][:24]}" for kind in KINDS}

    def say(self, text: str) -> None:
        """Write a line into the step's log."""
        self.log.write(f"gpurig: {text}\n".encode())

    def give_up(self) -> bool:
        """Take away what was put back; returns whether there was anything, so that it is worth trying without."""
        self.anew = self.undo()
        if self.anew:
            self.say("what was kept of this step did not do: installing it without")
        return self.anew

    def watch(self) -> None:
        """Begin to look at what changes."""
        stamp = HOME / "kept" / "stamp"
        write(stamp, "")
        self.since = stamp.stat().st_ctime_ns

    # -- putting back

    def put_back(self) -> bool:
        """Put back what there is; returns whether that is all that the install would make."""
        for kind in self.wanted:
            # A tree that is there is somebody's work: the install knows what to do with it.
            taken = kind == "built" and any(os.path.lexists(tree) for tree in self.trees)
            if not taken and not (kind == "packages" and "whole" in self.back):
                self._put_back(kind)
        return "whole" in self.back and ("built" in self.back or not self.trees)

    def _put_back(self, kind: str) -> None:
        name = self.names[kind]
        try:
            index = self.store.index(name)
            if not index:
                return
            began = time.monotonic()
            self._remember(kind, index)
            self.store.take(name, index)
        except OSError as error:
            self.say(f"what the job volume keeps of this step ({kind}) is of no use and is deleted: {error}")
            self.store.drop(name)
            self.undo(kind)
            return
        self.back.add(kind)
        files = len(index["rows"]) + len(index["paths"])
        self.say(f"taken from the job volume ({kind}): {files:,} files in {time.monotonic() - began:.1f} s")
        if kind == "whole" and not ROOT:
            output("ldconfig")
            output("systemctl", "daemon-reload")

    def _undone(self, kind: str) -> Path:
        """Return the folder with what it takes to undo a kind; there until what was put back is safely on the disk."""
        return HOME / "kept" / f"{self.step['name']}.{kind}"

    def _remember(self, kind: str, index: Index) -> None:
        """Write down what putting an entry back will change."""
        folder = self._undone(kind)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        alone = [row["path"] for row in index["rows"] if "path" in row]
        made = [*alone, *map(temporary_path, alone), *index["paths"]]
        there = [path for path in made if os.path.lexists(path)]
        (folder / "names").write_bytes(b"\0".join(map(os.fsencode, there)))
        words = ["--create", "--no-recursion", "--null", f"--files-from={folder / 'names'}"]
        run_checked(*TAR, f"--file={folder / 'before'}", *words)
        write(folder / "made.json", json.dumps(sorted(set(made) - set(there))))

    def undo(self, *kinds: str) -> bool:
        """Take away what was put back and is not settled; returns whether there was anything."""
        found = False
        for kind in kinds or KINDS:
            folder = self._undone(kind)
            with contextlib.suppress(OSError, ValueError):
                made = json.loads((folder / "made.json").read_text(encoding="ascii"))
                found = True
                for path in sorted(made, reverse=True):
                    with contextlib.suppress(OSError):
                        (os.rmdir if stat.S_ISDIR(os.lstat(path).st_mode) else os.unlink)(path)
                run_checked(*TAR, f"--file={folder / 'before'}", "--extract", "--preserve-permissions")
            shutil.rmtree(folder, ignore_errors=True)
            self.back.discard(kind)
        return found

    # -- keeping

    def done(self, *, whole: bool) -> Kept:
        """Settle what was put back, keep what was not; returns what there was of the step."""
        if self.back:
            with contextlib.suppress(OSError):
                run_checked("sync", "--file-system", str(HOME))
            for kind in KINDS:
                shutil.rmtree(self._undone(kind), ignore_errors=True)
        for kind in KINDS if self.usable else ():
            if self.anew or not (self.store.folder / self.names[kind]).exists():
                self._keep(kind)
        with contextlib.suppress(OSError):
            self.store.make_room()  # downloads were put there without a look at it
        if whole:
            return Kept.WHOLE
        return Kept.FULL if self.full else Kept.BUILT if self.back - {"packages"} else Kept.NOTHING

    def _keep(self, kind: str) -> None:
        began = time.monotonic()
        try:
            paths = getattr(self, f"_{kind}")()
            if paths:
                size = self.store.add(self.names[kind], paths)
                took = time.monotonic() - began
                self.say(f"kept on the job volume ({kind}): {size / 2**30:.1f} GiB in {took:.1f} s")
        except OSError as error:
            self.full = self.full or str(error) == NO_ROOM
            self.say(f"not kept on the job volume ({kind}): {error}")

    def _built(self) -> list[str]:
        trees = [tree for tree in self.trees if Path(tree).is_dir()]
        return [path for tree in trees for path in (tree, *below(tree))]

    def _whole(self) -> list[str]:
        """Return what changed beside the trees. Raises `OSError` where that is not all that the install did."""
        if not self.since or (HOME != MACHINE_HOME and not ROOT):
            return []
        paths = changed(self.since, [*self.trees, str(self.keeper.mount)])
        if why := why_not_whole(paths, self.before, self.step):
            raise OSError(why)
        return paths

    def _packages(self) -> list[str]:
        return downloaded(self.since) if self.since else []
