"""The runs of one host: commands that go on there by themselves, each a systemd service with a folder of its own."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from provision.bundle.render import activation
from provision.model.errors import BadInput, GpurigError, NotHere, RunInterrupted, Unreachable
from provision.model.target import Target
from provision.transport.session import DROPS, Dropped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from provision.transport.session import Session
    from provision.transport.wire import Event

WATCH = ("runs_host",)
LAUNCH = ("runs_host", "launch_host")
TRANSFER = ("runs_host", "transfer_host")
DATASETS = ("runs_host", "transfer_host", "datasets_host")
"""What answers on the host: modules of ours, the last one's `main` called."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
RUNNING = "running"
NO_ENV: Mapping[str, str] = {}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One run, as the host tells of it."""

    name: str
    command: str
    state: str
    """running, done (exit code 0), failed, stopped (by `fab stop`) or lost (killed from outside, or with the box)."""
    since: float
    """When it was started, in seconds of UTC."""
    seconds: float
    """How long it ran, or has run until now."""
    code: int | None = None
    """Its exit code, 128 + n for signal n; None while it runs and where it is lost without one."""
    why: str = ""
    """What ended it, where that was neither the command itself nor `fab stop`."""
    recipe: str = ""
    folder: str = ""
    """The command's working folder on the host."""
    path: str = ""
    """Its own folder on the host: run.json, script, log, results/."""
    asked: str = ""
    """What the user asked for, where the command is how gpurig does that: "fab dataset-get https://…"."""

    @property
    def shown(self) -> str:
        """What it does, on one line: what the user asked for, else the command."""
        return " ".join((self.asked or self.command).split())

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what the host says of a run; keys that this version does not know are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})


def check_name(name: str) -> None:
    """Raise `BadInput` for what cannot be a run's name."""
    if not NAME.fullmatch(name):
        rule = "a run's name is up to 48 small letters, digits and hyphens, and begins with no hyphen"
        raise BadInput([f'"{name}": {rule}'])


def mount_point(session: Session) -> PurePosixPath:
    """Return the folder on the host that holds runs and work: the job volume's, or what stands in for it."""
    return PurePosixPath((session.host.target or Target()).mount_point)


def ask(session: Session, verb: str, modules: Sequence[str] = WATCH, **fields: Any) -> Iterator[Event]:
    """Yield what the host answers about its runs. Raises `BadInput` with its reason where it refuses."""
    target = session.host.target or Target()
    about = {"user": session.connection.user, "mount_point": target.mount_point, "volume_id": target.volume_id}
    for event in session.ask(verb, modules=modules, **about, **fields):
        if event["event"] == "refused":
            raise (NotHere if event["missing"] else BadInput)([event["problem"]], hint=event["hint"])
        yield event


def one(session: Session, verb: str, modules: Sequence[str] = WATCH, **fields: Any) -> Event:
    """Return the single event that answers. Raises `GpurigError` with what was said instead where there is none."""
    events = list(ask(session, verb, modules, **fields))
    answer = next((event for event in reversed(events) if event["event"] != "log"), None)
    if answer is None:
        said = "".join(f": {event['line']}" for event in events[-1:])
        raise GpurigError(f"{session.host} answered nothing about its runs{said}")
    return answer


class Runs:
    """The runs of one host."""

    def __init__(self, session: Session, target: Target | None = None) -> None:
        self.session = session
        self.target = target
        """What the host is rendered for; needed where a run is to have a recipe's environment."""

    def start(
        self,
        command: str,
        *,
        name: str = "",
        recipe: str = "",
        folder: str = "",
        env: Mapping[str, str] = NO_ENV,
        beside: str = "",
        asked: str = "",
    ) -> Run:
        """Start a shell command that goes on by itself, as the account; returns at once.

        `name`: made from the command where not given. `recipe`: whose environment it gets. `folder`: where it runs, a
        path on the host or the name of a synced folder; where not given the synced folder `beside`, if there is one,
        else the run's own. `env`: exported last. `asked`: shown in place of the command. Raises `BadInput` where the
        name is taken, the recipe is not installed or the folder is not there.
        """
        if name:
            check_name(name)
        if not command.strip():
            raise BadInput(["there is no command to run"], hint="fab run -- python train.py --epochs 3")
        exports: list[tuple[str, str]] = []
        if recipe:
            exports = activation(recipe, self.target or Target())
        fields = {"command": command, "name": name, "recipe": recipe, "folder": folder, "beside": beside}
        try:
            return self._run("start", LAUNCH, exports=exports, env=dict(env), asked=asked, **fields)
        except Dropped as error:
            # Said again at once, it might run twice.
            error.hint = "it may have begun; see before you start it again: fab ps"
            raise

    def all(self) -> list[Run]:
        """Return all runs of the host, the newest first."""
        return [Run.from_document(row) for row in one(self.session, "runs")["runs"]]

    def newest(self) -> Run:
        """Return the run that was started last. Raises `NotHere` where there is none."""
        runs = self.all()
        if not runs:
            raise NotHere([f"there are no runs on {self.session.host}"], hint="fab run -- CMD starts one")
        return runs[0]

    def stop(self, name: str) -> Run:
        """End a run and all its processes: a request to end, and 10 s later a kill. One that has ended stays so."""
        check_name(name)
        return self._run("stop", name=name)

    def follow(self, name: str, *, lines: int = 0, follow: bool = True) -> Iterator[Event]:
        """Yield {"event": "log", "line": …} for each line, then {"event": "ended", "code": int, …} and a `Run`'s keys.

        `lines`: begin with the last so many; 0: with the first. `follow` off: what there is now, with no wait and no
        end to tell where it goes on. A connection that drops and a box that reboots are bridged. Raises `BadInput` for
        a run that is not there and `RunInterrupted` for one that ended without a code of its own.
        """
        check_name(name)
        position, drops = -1, 0
        while True:
            why = "the answer ended early"
            try:
                for event in ask(self.session, "follow", name=name, position=position, lines=lines, follow=follow):
                    drops = 0
                    position = event.get("position", position)
                    if event["event"] == "ended":
                        yield from self._ending(event)
                        return
                    yield event
                if not follow:
                    return
            except Unreachable as error:
                drops += 1
                # What was never answered at all has no place to come back to.
                if drops > DROPS or not (position >= 0 or isinstance(error, Dropped)):
                    raise
                why = error.why if isinstance(error, Dropped) else error.what
            self.session.reconnect(why)

    def _ending(self, event: Event) -> Iterator[Event]:
        run = Run.from_document(event)
        if run.state == "lost":
            log = f"fab logs {run.name}"
            raise RunInterrupted(
                f"{run.name} on {self.session.host} was lost: {run.why}", hint=f"its log is there: {log}"
            )
        yield event

    def _run(self, verb: str, modules: Sequence[str] = WATCH, **fields: Any) -> Run:
        return Run.from_document(one(self.session, verb, modules, **fields))


def ways_back(name: str, into: Path | None = None, limit: str = "") -> str:
    """Return the commands that find a run again; `into`: where its results are to come; `limit`: on which hosts."""
    there = f" --into {shlex.quote(str(into))}" if into else ""
    where = f" --limit {shlex.quote(limit)}" if limit else ""
    return (
        f"to follow it:  fab logs {name} --follow{where}\n"
        f"its results:   fab fetch {name} --watch{there}{where}\n"
        f"to end it:     fab stop {name}{where}"
    )


def amount(size: int) -> str:
    """Return a number of bytes as messages have it ("1.5 MiB")."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"


def took(seconds: float) -> str:
    """Return a length of time in words of equal width ("3 min 05 s")."""
    if seconds < 59.95:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 48 else f"{hours // 24} d {hours % 24:02} h"


def counted(number: int, what: str) -> str:
    """Return "1 file" or "2 files"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
