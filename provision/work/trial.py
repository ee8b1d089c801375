"""Try a recipe on a host: send its example folder, start its command there, watch it, and bring its results home."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from provision.agent.words import RunState
from provision.bundle.render import command_of
from provision.model.digest import sha256
from provision.model.errors import BadInput, GpurigError, RunFailed, RunInterrupted
from provision.model.project import project_folder
from provision.transport.session import Session
from provision.work import cluster
from provision.work.runs import Runs, ways_back
from provision.work.sync import sync
from provision.work.transfer import fetch

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from provision.catalogue.recipe import Recipe
    from provision.model.host import Host
    from provision.model.run import Run
    from provision.model.target import Target
    from provision.screen.progress import View

Kind = Literal["example", "bench"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user says about a trial."""

    args: str = ""
    """Shell words to add to the recipe's command."""
    files: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    """Name of a file of the example folder → a file of the user's to take in its place."""
    into: Path | None = None
    """Folder for the folder of results; None: `results` in the project's folder."""
    another: bool = False
    """Start one although one runs."""

    def work(self, recipe: Recipe, kind: Kind) -> dict[str, Any]:
        """Return what the trial computes, as far as the user's machine decides it: words, and a checksum per file."""
        folder = recipe.example_folder
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        sums = {name: sha256(path) for name, path in sorted({**files, **self.files}.items())}
        command = getattr(recipe, kind).command
        return {"version": recipe.version, "command": command, "args": self.args, "files": sums}

    def check(self, recipe: Recipe) -> None:
        """Raise `BadInput` for files that are not there, and for names that the example does not have."""
        folder = recipe.example_folder
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        problems = [f"--file {name}={p}: there is no such file" for name, p in self.files.items() if not p.is_file()]
        problems += [
            f"--file {name}={p}: the example has no such file; it has: {', '.join(names)}"
            for name, p in self.files.items()
            if name not in names
        ]
        if problems:
            raise BadInput(problems)


def stem(recipe: Recipe, kind: Kind) -> str:
    """Return what the names of a recipe's trials begin with; a number follows."""
    return f"{kind}-{recipe.name}"


def folder_name(host: Host) -> str:
    """Return what a host's name becomes in the name of a folder: it may be an address with colons."""
    return re.sub(r"\A\.+|[^\w.-]", "_", host.name)


def _results(host: Host, recipe: Recipe, kind: Kind, wishes: Wishes) -> tuple[Path, str]:
    """Return the folder of all results, and what the names of the folders of such a trial begin with there."""
    return wishes.into or project_folder() / "results", f"{stem(recipe, kind)}-{folder_name(host)}-"


def results_folder(host: Host, recipe: Recipe, kind: Kind, wishes: Wishes) -> Path:
    """Make the folder for the results of a trial that starts now. Raises `BadInput` where it cannot be made."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    parent, begins = _results(host, recipe, kind, wishes)
    folder = parent / f"{begins}{moment}"
    with writing():
        folder.mkdir(parents=True)
    return folder


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Raise `BadInput` where a result cannot be written on this machine."""
    try:
        yield
    except OSError as error:
        raise BadInput([f"the results cannot be written: {error}"], hint="--into names another folder") from error


def earlier_folders(host: Host, recipe: Recipe, kind: Kind, wishes: Wishes) -> list[Path]:
    """Return the folders with the results of such trials that were started before."""
    parent, begins = _results(host, recipe, kind, wishes)
    # Not by a pattern of the shell: `box-*Z` is of the host box-2 too.
    mine = re.compile(rf"{re.escape(begins)}\d{{8}}T\d{{6}}Z")
    return [path for path in parent.glob("*Z") if mine.fullmatch(path.name)]


def next_name(
    host: Host, runs: Iterable[Run], recipe: Recipe, kind: Kind, *, another: bool, mine: Container[str] = ()
) -> str:
    """Return a name for the next trial.

    Raises `GpurigError` where one runs already, unless `another` is wanted or it is one of `mine`.
    """
    begins = re.compile(rf"{re.escape(stem(recipe, kind))}-(\d+)(-[cg]pu)?")
    found = [(int(match[1]), run) for run in runs if (match := begins.fullmatch(run.name))]
    running = [run.name for _, run in found if run.state == RunState.RUNNING and run.name not in mine]
    if running and not another:
        hint = f"{ways_back(running[0])}\none beside it: fab {stem(recipe, kind)} --another"
        raise GpurigError(f"{running[0]} runs on {host} already", hint=hint)
    return f"{stem(recipe, kind)}-{max((number for number, _ in found), default=0) + 1}"


class Stage:
    """One trial on one host, its example folder sent there."""

    def __init__(
        self,
        session: Session,
        target: Target,
        recipe: Recipe,
        kind: Kind,
        wishes: Wishes,
        out: View,
        *,
        mine: Container[str] = (),
    ) -> None:
        self.session, self.target = session, target
        self.recipe, self.kind = recipe, kind
        self.runs = Runs(session, target)
        there = self.runs.all()
        self.name = next_name(session.host, there, recipe, kind, another=wishes.another, mine=mine)
        self.command = " ".join(filter(None, [command_of(recipe, kind, target), wishes.args]))
        self.folder = f"{target.mount_point}/work/example-{recipe.name}"
        if any(run.folder == self.folder and run.state == RunState.RUNNING for run in there):
            # Files that another run reads must not change under it.
            self.folder = f"{target.mount_point}/work/{self.name}"
        with _with_files(recipe.example_folder, wishes.files) as folder:
            sync(session, folder, self.folder, out)

    def name_of(self, device: str = "") -> str:
        """Return the name of the run that `start` starts."""
        return f"{self.name}-{device}" if device else self.name

    def start(self, device: str = "") -> Run:
        """Start the command, on "cpu" or "gpu", or where not said on what there is."""
        name = self.name_of(device)
        env = {"GPURIG_DEVICE": device or "auto", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # cards count as in nvidia-smi
        command, asked = (cluster.job(self.command), self.command) if self.recipe.cluster else (self.command, "")
        where = {"recipe": self.recipe.name, "folder": self.folder, "asked": asked}
        return self.runs.start(command, name=name, env=env, **where)

    def watch(self, run: Run, into: Path, out: View) -> Run:
        """Show a run's log as it grows while its results arrive in `into`; returns the run as it ended."""
        out.now(f"{run.name} runs; Ctrl-C leaves it running")
        arrivals = _Arrivals(self.session, run.name, into, out)
        arrivals.start()
        try:
            ended = self.runs.follow(run.name, out.line)
            arrivals.join()
        except RunInterrupted:
            # What it wrote until then is worth having.
            arrivals.join()
            with contextlib.suppress(GpurigError):
                arrivals.finish(self.session)
            raise
        # What kept some from arriving (a connection that broke) shows itself here, or is over.
        arrivals.finish(self.session)
        return ended


class _Arrivals(threading.Thread):
    """Brings a run's results home as they appear, over a connection of its own."""

    def __init__(self, session: Session, name: str, into: Path, out: View) -> None:
        super().__init__(daemon=True)
        self.host, self.config = session.host, session.config
        self.run_name, self.into, self.out = name, into, out
        self.complete = False

    def run(self) -> None:
        """Fetch until the run has ended and all is here."""
        # `finish` says what went wrong, after another try.
        with contextlib.suppress(GpurigError, OSError), Session(self.host, self.config, tell=lambda _: None) as session:
            self._take(session, watch=True)
            self.complete = True

    def finish(self, session: Session) -> None:
        """Fetch what is not here yet. Raises `GpurigError` when that cannot be."""
        if not self.complete:
            self._take(session, watch=False)

    def _take(self, session: Session, *, watch: bool) -> None:
        for file in fetch(session, self.run_name, self.into, watch=watch):
            if file.new:
                self.out.line(f"fetched {file.path}")


@contextlib.contextmanager
def _with_files(example: Path, files: Mapping[str, Path]) -> Iterator[Path]:
    """Give the example's folder, or a copy of it that has the user's files in place of its own."""
    if not files:
        yield example
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "example"
        shutil.copytree(example, folder)
        for name, path in files.items():
            shutil.copy2(path, folder / name)
        yield folder


def check(run: Run, host: Host, into: Path) -> None:
    """Raise `RunFailed` with a run's exit code unless it ended well."""
    if run.state != RunState.DONE:
        how = "was stopped" if run.state == RunState.STOPPED else f"ended with exit code {run.code}"
        why = f": {run.why}" if run.why and run.state != RunState.STOPPED else ""
        raise RunFailed(f"{run.name} {how} on {host}{why}", run.code or 1, hint=f"its log: {into / 'run.log'}")
