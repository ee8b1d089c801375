"""What the tasks about data sets share: a program of the recipe `datasets` runs on every host, and is followed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import posixpath
import re
import shlex
import urllib.parse
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from provision.agent.paths import PREFIX
from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.agent.words import RunState
from provision.catalogue.folders import OURS
from provision.model.checks import DATASET
from provision.model.errors import BadInput, GpurigError, RunFailed
from provision.model.schema import plain
from provision.screen import terminal
from provision.tasks.following import leaving
from provision.tasks.option import Choices
from provision.tasks.setting_up import SetUp
from provision.work.runs import Runs, ways_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import PurePosixPath

    from provision.model.run import Run
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

    Prepare = Callable[[Session, PurePosixPath, View], "Job"]
    """What is to be done on a host before its run: gets the folder of all data sets, and gives the job."""

RECIPE = "datasets"
PROGRAMS = f"{PREFIX}/{RECIPE}"
PYTHON = f"{PROGRAMS}/venv/bin/python"
ARCHIVE = re.compile(
    r"\.(tar\.(gz|bz2|xz|zst|Z)|t[gx]z|tbz2?|tzst|taz|tar|zip|z\d\d)([._-](part)?(\d{1,4}|[a-z]{2,3}))?$", re.IGNORECASE
)
FOREIGN = OURS / RECIPE / "program" / "datasets" / "get" / "foreign.txt"
"""What the names of archives end with that the program on the host refuses, a regular expression a line."""
PROGRESS = re.compile(r" *(\d{1,3}) % ")
"""What a line of a program's log begins with that tells how far it is."""
SAID = "gpurig: "
"""What the lines begin with by which a program ends: what went wrong, and what to do next."""
BAR = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A program that makes a data set on one host."""

    stem: str
    """What the names of its runs begin with: "get"."""
    dataset: str
    command: Sequence[str]
    """Words; the same ones mean the same work: one that runs already is followed."""
    asked: Sequence[str]
    """The words of `fab` that the user typed, as far as everybody may read them."""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Path on the host → text to write there before the start, for the account only."""


def check_name(name: str, option: str = "--name") -> None:
    """Raise `BadInput` for what cannot be a data set's name."""
    if not DATASET.holds(name):
        raise BadInput(
            [f'"{plain(name)}" cannot be a data set\'s name: {DATASET.allowed}'], hint=f"{option} gives it one"
        )


def check_unpacked(name: str, *, keep: bool) -> None:
    """Raise `BadInput` for an archive that nothing on the host unpacks: what would be sent for hours, and refused."""
    endings = "|".join(FOREIGN.read_text(encoding="ascii").split())
    if not keep and re.search(rf"\.({endings})$", name, re.IGNORECASE):
        hint = "unpack it here and send the folder; --keep sends it as it is"
        raise BadInput([f"{plain(name)}: such an archive is not unpacked there"], hint=hint)


def letters(encoding: str) -> str:
    """Return what `--names` says, as Python calls it. Raises `BadInput` for what is no encoding of names."""
    try:
        if encoding:
            "a/b".encode(encoding)
    except (LookupError, ValueError):
        hint = "such as cp437, cp850, cp866, cp932 (Shift-JIS), gbk, big5, cp949: all that Python knows"
        raise BadInput([f"--names {plain(encoding)}: there is no such encoding"], hint=hint) from None
    return encoding


def job_of(order: Mapping[str, Any], place: PurePosixPath, asked: Sequence[str]) -> Job:
    """Return the job of the program that fetches, for an order without its place."""
    text = json.dumps({**order, "place": str(place)}, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = f"{place}/.{order['name']}.part/orders/{digest}.json"
    command = [PYTHON, f"{PROGRAMS}/get.py", path]
    return Job(stem="get", dataset=order["name"], command=command, files={path: text}, asked=asked)


def name_from(address: str) -> str:
    """Return a data set's name made from the address or the path of its first file."""
    path = address.partition("://")[2] or address
    word = posixpath.basename(urllib.parse.unquote(urllib.parse.urlsplit(f"//{path}").path).rstrip("/")) or path
    bare = ARCHIVE.sub("", word)
    stem = bare if bare != word else posixpath.splitext(word)[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "data"


def work(c: Context, prepare: Prepare, *, detach: bool = False) -> None:
    """Do a job on every host: the recipe first, then a run that goes on when the laptop leaves, followed to its end.

    On Ctrl-C it goes on, and the same command finds it again.
    """
    names: dict[str, str] = {}
    setting_up = SetUp(c.config, Choices(sources={}, licences=()))

    def begin(session: Session, out: View) -> None:
        setting_up.on(session.host, RECIPE, out)
        job = prepare(session, session.mount_point / "datasets", out)
        run = _begin(session, job, out)
        names[session.host.name] = run.name
        if detach:
            out.line(ways_back(run.name, limit=c.limit))
            return
        _follow(Runs(session), run.name, out)
        del names[session.host.name]

    try:
        with leaving(names, limit=c.limit):
            c.each_session(begin)
    except KeyboardInterrupt:  # before there was a run
        message = "stopped before its run began; the same command begins it (a setup that it waited for goes on)"
        raise Exit(message, 130) from None


def _begin(session: Session, job: Job, out: View) -> Run:
    """Start a job's run, or find the one that does it already. Raises `GpurigError` where another is in its way."""
    stem = f"{job.stem}-{re.sub(r'[^a-z0-9]+', '-', job.dataset.lower())[:32].strip('-')}"
    command = shlex.join(job.command)
    runs = Runs(session)
    found = [(int(match[1]), run) for run in runs.all() if (match := re.fullmatch(rf"{stem}-(\d+)", run.name))]
    for _, run in found:
        if run.state == RunState.RUNNING and run.command == command:
            out.line(f"{run.name} does it already on {session.host}; following that")
            return run
        if run.state == RunState.RUNNING:
            hint = f"to end it: fab cancel {run.name}; or give this one another name"
            raise GpurigError(
                f"{run.name} runs on {session.host}, and makes {job.dataset} from something else", hint=hint
            )
    if job.files:
        session.answer({"verb": Verb.ORDER, "files": dict(job.files)}, answers.Done)
    number = max((number for number, _ in found), default=0) + 1
    started = runs.start(command, name=f"{stem}-{number}", asked=shlex.join(["fab", *job.asked]))
    out.tell(f"{started.name} runs on {session.host}; it goes on when you leave")
    return started


def _follow(runs: Runs, name: str, out: View) -> None:
    """Show what a run says until it ends. Raises `RunFailed` with its own words where it failed."""
    said: list[str] = []
    live = terminal.moves()

    def show(line: str) -> None:
        if line.startswith(SAID):
            said.append(line[len(SAID) :])
        elif live and (match := PROGRESS.match(line)):
            done = min(int(match[1]), 100) * BAR // 100
            out.now(f"[{'#' * done:<{BAR}}] {line.strip()}")
        else:
            out.line(line)

    run = runs.follow(name, show)
    if run.code:
        how = "was stopped" if run.state == RunState.STOPPED else f"ended with exit code {run.code}"
        why = f": {run.why}" if run.why else ""
        first, *more = said or [f"{name} {how} on {runs.session.host}{why}", f"its log: fab logs {name}"]
        raise RunFailed(first, run.code, hint="\n".join(more))
