"""Keep on the job volume what a step's install made, and put it back on the next box instead of making it again.

Two kinds of entries, both of one step on one image and compute capability. "built": the folders that its recipe names,
which come back where there are none. "packages": what apt downloaded. An entry is believed where a signature says so
(`kept_signs`), and may hold nothing else (`kept_stage`). The install runs over what came back, and finds its work done.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Iterator

from provision.agent.files import load, write
from provision.agent.held import held_of_root
from provision.agent.kept_bucket import bring, lent
from provision.agent.kept_scan import below, downloaded, names_packages
from provision.agent.kept_stage import Stage, remove, why_not
from provision.agent.kept_store import NO_ROOM, Store
from provision.agent.mount import is_mounted
from provision.agent.paths import HOME, KEPT_FOLDER
from provision.agent.processes import run_checked
from provision.agent.words import KEPT_KINDS, Kept, kept_name

if TYPE_CHECKING:
    from typing import Callable, List, Optional, Tuple

    from provision.agent.wire.documents import KeptAbout, Step


class Keeper:
    """What one run keeps and puts back. `fresh`: nothing is put back."""

    def __init__(self, about: KeptAbout, *, fresh: bool) -> None:
        self.mount = Path(about["mount"])
        self.volume = about["volume"]
        self.fresh = fresh
        self.swept = False
        # When each step that goes now began: an entry that was used or kept since the first of them is not dropped.
        self.going: List[float] = []
        # Packing and unpacking take every core and much of the volume: of steps that go at once, one does it at a time.
        self.turn = threading.Lock()

    def install(self, step: Step, log: BinaryIO, attempt: Callable[..., Tuple[int, str]]) -> Tuple[int, str, Kept]:
        """Attempt a step's install over what is kept of it, and without where that does not do; and keep what it made.

        `attempt`: takes environment, and returns exit code and what went wrong. Returns these, and what was kept of it.
        """
        with self._build(step, log) as build:
            build.put_back()
            build.watch()
            code, why = attempt(**build.env)
            if code and build.give_up():
                build.watch()
                code, why = attempt(**build.env)
            return code, why, Kept.NOTHING if code else build.done()

    @contextlib.contextmanager
    def _build(self, step: Step, log: BinaryIO) -> Iterator[Build]:
        """Begin a step's install; to its end the folder of entries is held open, and is ours whatever its name is."""
        with contextlib.ExitStack() as stack:
            began = time.time()
            self.going.append(began)
            stack.callback(self.going.remove, began)
            store = None
            with contextlib.suppress(OSError):  # it is not ours alone, or there is no room for it
                if is_mounted(str(self.mount), self.volume) and shutil.which("zstd"):
                    store = self._store(stack.enter_context(held_of_root(self.mount, *KEPT_FOLDER)))
            yield Build(store, step, log, fresh=self.fresh, turn=self.turn)

    def _store(self, folder: Path) -> Store:
        """Return the entries. What a run before this one left half done goes, once: later it is another step's."""
        with self.turn:
            for part in () if self.swept else folder.glob("*.part"):
                remove(part)
            self.swept = True
        return Store(folder, lambda: min(self.going))


class Build:
    """One step's install: what was kept of it, and what will be. `store`: None where nothing is kept.

    `turn`: held by the one of a run's installs that packs or unpacks.
    """

    def __init__(self, store: Optional[Store], step: Step, log: BinaryIO, *, fresh: bool, turn: threading.Lock) -> None:
        self.turn = turn
        self.store = store
        self.step = step
        self.log = log
        self.trees = step["keeps"]
        self.back: set[str] = set()
        self.lent: set[str] = set()
        self.full = False
        # An entry that is there stays as it was made, on a box that had nothing before: unless it did not do.
        self.anew = fresh
        # What a run before this one put back and could not finish with.
        with turn:
            self.undo()
        self.wanted = KEPT_KINDS if store and not fresh else ()
        # Where `download` of lib.sh looks, by checksum, and leaves what it brought.
        self.env = {"GPURIG_KEPT": str(store.folder)} if store and self.wanted else {}
        # Where apt looks first: it says what it installs, for this step and not for one beside it.
        self.env["APT_CONFIG"] = str(self._of_apt("conf"))
        self.since = 0
        self.names = {kind: kept_name(step["name"], kind, step["key"]) for kind in KEPT_KINDS}

    def say(self, text: str) -> None:
        """Write a line into the step's log."""
        self.log.write(f"gpurig: {text}\n".encode())

    def give_up(self) -> bool:
        """Take away what was put back; returns whether there was anything, so that it is worth trying without."""
        with self.turn:
            self.anew = self.undo()
        if self.anew:
            self.say("what was kept of this step did not do: installing it without")
        return self.anew

    def watch(self) -> None:
        """Begin to look at what is downloaded."""
        named = self._of_apt("debs")
        write(named, "")
        write(self._of_apt("conf"), names_packages(named))
        self.since = named.stat().st_ctime_ns

    def _of_apt(self, kind: str) -> Path:
        """Return a file about what apt does for this step: its "conf", or the "debs" that it installs."""
        return HOME / "kept" / "apt" / f"{self.step['name']}.{kind}"

    # -- putting back

    def put_back(self) -> None:
        """Put back what there is."""
        for kind in self.wanted:
            # A tree that is there is somebody's work: the install knows what to do with it.
            free = self.trees and not any(map(os.path.lexists, self.trees))
            if not self.store or (kind == "built" and not free):
                continue
            with self.turn:
                there = self._put_back(self.store, kind)
            # What comes over the network keeps no other step from its turn.
            if not there and self._bring(self.store, kind):
                with self.turn:
                    self._put_back(self.store, kind)

    def _bring(self, store: Store, kind: str) -> bool:
        """Have an entry come from the bucket to the volume, where one is lent; returns whether it is there."""
        entry, began = lent(self.names[kind]), time.monotonic()
        if not entry:
            return False
        try:
            size = bring(store, self.names[kind], entry)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.full = self.full or str(error) == NO_ROOM
            self.say(f"what the bucket has of this step ({kind}) is not used: {error}")
            return False
        self.lent.add(kind)
        took = time.monotonic() - began
        self.say(f"fetched from the bucket ({kind}): {size / 2**20:,.1f} MiB in {took:.1f} s")
        return True

    def _put_back(self, store: Store, kind: str) -> bool:
        """Put back what the volume has; returns whether there was anything, and it did."""
        name, stage = self.names[kind], Stage(self.trees if kind == "built" else ())
        try:
            index = store.index(name)
            if not index:
                return False
            began = time.monotonic()
            self._remember(kind, stage)
            store.take(name, index, stage)
            count = stage.judge()
            goals = stage.goals()
            self._remember(kind, stage, *goals)
            stage.move(goals)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.say(f"what the job volume keeps of this step ({kind}) is not used, and is deleted: {error}")
            store.drop(name)
            self.undo(kind)
            return False
        self.back.add(kind)
        self.say(f"taken from the job volume ({kind}): {count:,} files in {time.monotonic() - began:.1f} s")
        return True

    def _note(self, kind: str) -> Path:
        """Return the note of what a kind put back; there until that is safely on the disk."""
        return HOME / "kept" / f"{self.step['name']}.{kind}.json"

    def _remember(self, kind: str, stage: Stage, *goals: str) -> None:
        """Write down what there will be that was not there before."""
        write(self._note(kind), json.dumps([str(stage.top), *goals]))

    def undo(self, *kinds: str) -> bool:
        """Take away what was put back and is not settled; returns whether there was anything.

        In turn: what is being unpacked lies in a folder of the same name for all steps.
        """
        found = False
        for kind in kinds or KEPT_KINDS:
            for path in load(self._note(kind)) or ():
                found = True
                remove(Path(path))
            remove(self._note(kind))
            self.back.discard(kind)
        return found

    # -- keeping

    def done(self) -> Kept:
        """Settle what was put back, keep what was not; returns what there was of the step."""
        if self.back:
            with contextlib.suppress(OSError):
                run_checked("sync", "--file-system", str(HOME))
            for kind in KEPT_KINDS:
                remove(self._note(kind))
        if self.store:
            with self.turn, contextlib.suppress(OSError):
                for kind in KEPT_KINDS:
                    if self.anew or not os.path.lexists(self.store.folder / self.names[kind]):
                        self._keep(self.store, kind)
                self.store.make_room()  # downloads were put there without a look at it
        if self.full or "built" not in self.back:
            return Kept.FULL if self.full else Kept.NOTHING
        return Kept.LENT if "built" in self.lent else Kept.BUILT

    def _keep(self, store: Store, kind: str) -> None:
        began = time.monotonic()
        try:
            paths = self._built() if kind == "built" else downloaded(self._of_apt("debs"), self.since)
            if paths:
                size = store.add(self.names[kind], paths)
                took = time.monotonic() - began
                self.say(f"kept on the job volume ({kind}): {size / 2**30:.1f} GiB in {took:.1f} s")
        except OSError as error:
            self.full = self.full or str(error) == NO_ROOM
            self.say(f"not kept on the job volume ({kind}): {error}")

    def _built(self) -> list[str]:
        """Return all of the trees. Raises `OSError` where there is something in them that no box would take."""
        paths = [path for tree in self.trees if Path(tree).is_dir() for path in (tree, *below(tree))]
        for path in paths:
            if why := why_not(path, path, self.trees):
                raise OSError(why)
        return paths
