"""A host in a folder: a runner's home, tiny recipes that count how often they ran, and clients as real processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from provision.agent.service import SETUP_MODULE
from provision.agent.words import Kind
from provision.bundle import program
from provision.bundle.render import render
from provision.bundle.step import Bundle
from provision.catalogue.catalogue import Catalogue
from provision.model.target import Target
from provision.transport import shape
from tests.kit.fab import clean_environment
from tests.kit.recipes import write_recipe
from tests.kit.wait import PATIENCE, until

Event = dict[str, Any]

# What a client runs on the host, with an end to it should it never end.
LAUNCHER = (
    f"import signal; signal.alarm({2 * PATIENCE})\n"
    "import json, sys, zlib\nsys.path.insert(0, sys.argv[1])\nfrom provision.agent import serve\n"
    "serve.main({}, json.loads(zlib.decompress(sys.stdin.buffer.read())))"
)
ASKED: dict[str, Any] = {"fresh": False, "builds": {}, "positions": {}}
ACCOUNT = {"user": "nobody", "mount_point": "/nowhere", "volume_id": ""}


class Client:
    """A client in the middle of an answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[Event] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def events(self) -> Iterator[Event]:
        """Yield what the client is told from here on."""
        assert self.process.stdout
        for line in self.process.stdout:
            event: Event = json.loads(line)
            assert shape.is_event({**event, "event": Kind(event["event"])}), f"the laptop takes no such event: {event}"
            if event["event"] != "alive":
                self.seen.append(event)
                yield event

    def until(self, name: str, **fields: object) -> Event:
        """Read on to an event; fails when the answer ends before."""
        for event in self.events():
            if event["event"] == name and fields.items() <= event.items():
                return event
        raise AssertionError(f"the answer ended before {name} {fields}: {self.seen}")

    def rest(self) -> list[Event]:
        """Read to the end; returns all events, those read before included."""
        list(self.events())
        assert self.process.stderr
        said = self.process.stderr.read()
        assert self.process.wait() == 0, said
        return self.seen


class Lab:
    """One host. `world` holds what its recipes have installed: NAME once whole, NAME.runs with a line per install.

    The runner's home lies in `memory`, where its many fsyncs cost nothing.
    """

    def __init__(self, folder: Path, memory: Path) -> None:
        self.home = memory / "home"
        self.profile = folder / "profile.d"
        self.world = folder / "world"
        self.recipes = folder / "recipes"
        self.bin = folder / "bin"
        self.python = sys.executable
        self.program = folder / "program"
        self.target = Target()
        self.account: dict[str, str] = {}
        """What of the account is otherwise than in all labs."""
        self.builders: list[str] = []
        """Public keys by whose signatures kept builds count."""
        self.more: dict[str, str] = {}
        """Environment that a test adds."""
        for path in (self.world, self.recipes, self.bin):
            path.mkdir()
        for name, text in program.files().items():
            (self.program / name).parent.mkdir(parents=True, exist_ok=True)
            (self.program / name).write_text(text, encoding="utf-8")

    # -- recipes and bundles

    def recipe(self, name: str, toml: str = "", *, body: str = "", verify: str = "", **files: str) -> None:
        """Write a recipe whose install counts, does `body`, then puts NAME into the world; that is what verifies."""
        install = f'cd "{self.world}"\necho run >> {name}.runs\n{body}\ntouch {name}\n'
        check = f'cd "{self.world}"\n{verify or f"test -e {name}"}\n'
        write_recipe(self.recipes / name, toml, install=install, verify=check, **files)

    def bundle(self, *names: str) -> Bundle:
        """Render recipes of this lab."""
        return render(names, self.target, Catalogue(self.recipes))

    def edit(self, module: str, old: str, new: str) -> None:
        """Change the text of the program on this host, so that a test need not wait."""
        path = self.program / "provision" / "agent" / f"{module}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{module} has no {old!r} any more"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def runs(self, name: str) -> int:
        """Return how often a recipe's install began."""
        path = self.world / f"{name}.runs"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def open(self, gate: str) -> None:
        """Let a script go on that waits with `gate()`."""
        (self.world / gate).touch()

    # -- processes

    @property
    def env(self) -> dict[str, str]:
        """The environment of everything that runs on this host."""
        own = {"GPURIG_HOME": str(self.home), "GPURIG_PROFILE": str(self.profile)}
        # A runner that is killed leaves its temporary folder: here it goes with the test's.
        own |= {"PATH": f"{self.bin}:{os.environ['PATH']}", "TMPDIR": str(self.world)}
        return clean_environment(**own, **self.more)

    def client(self, verb: str, bundle: Bundle | None = None, *, bundle_text: str = "", **fields: Any) -> Client:
        """Start a client; its request is what goes over SSH."""
        text = bundle.to_bytes().decode() if bundle else bundle_text
        request = {"verb": verb, "bundle": text, **ASKED, "builders": self.builders, **fields}
        with tempfile.TemporaryFile() as file:
            file.write(zlib.compress(json.dumps({"request": request, "account": {**ACCOUNT, **self.account}}).encode()))
            file.seek(0)
            pipe = subprocess.PIPE
            command = [self.python, "-IS", "-c", LAUNCHER, str(self.program)]
            return Client(subprocess.Popen(command, stdin=file, stdout=pipe, stderr=pipe, text=True, env=self.env))

    def ask(self, verb: str, bundle: Bundle | None = None, **fields: Any) -> list[Event]:
        """Return all events that answer one request."""
        with self.client(verb, bundle, **fields) as client:
            return client.rest()

    def begin_boot(self) -> subprocess.Popen[bytes]:
        """Begin to do what the service does at a boot: carry what is pending to its end."""
        return subprocess.Popen([self.python, "-m", SETUP_MODULE], cwd=self.home / "agent" / "current", env=self.env)

    def boot(self) -> int:
        """Boot; returns the service's exit code."""
        return self.begin_boot().wait(PATIENCE)

    def processes(self, *, script: str = "") -> list[int]:
        """Return the ids of this host's processes, or of those whose command line holds `script`."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                ours = f"GPURIG_HOME={self.home}".encode() in (path / "environ").read_bytes().split(b"\0")
                if ours and script.encode() in (path / "cmdline").read_bytes():
                    found.append(int(path.name))
        return found

    def kill_runner(self) -> None:
        """Kill the run's own process and nothing else, as the kernel would when memory is short."""
        running = self.processes(script=SETUP_MODULE)
        assert running, "there is no run to kill"
        for pid in running:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not self.processes(script=SETUP_MODULE))

    def clean_up(self) -> None:
        """End whatever still runs on this host."""
        while pids := self.processes():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    # -- what is on the host

    def json(self, name: str) -> Any:
        """Return a JSON file of the runner's home."""
        return json.loads((self.home / name).read_text())

    def journal(self) -> list[Event]:
        """Return the journal; every line has to be whole."""
        text = (self.home / "journal.jsonl").read_text()
        assert text.endswith("\n")
        return [json.loads(line) for line in text.splitlines()]

    def marked(self) -> set[str]:
        """Return the steps that count as done."""
        marks = {path.stem for path in (self.home / "marks").glob("*.json")}
        return marks - {path.name for path in (self.home / "begun").glob("*")}


def gate(name: str) -> str:
    """Return a line of bash that waits until the test opens a gate."""
    return f"while [ ! -e {name} ]; do sleep 0.02; done"


def states(events: list[Event]) -> dict[str, str]:
    """Return the last state that was told of each step."""
    return {event["step"]: event["state"] for event in events if event["event"] == "step"}


def names(events: list[Event]) -> list[str]:
    """Return the kinds of events, in order."""
    return [event["event"] for event in events]


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Templates with an empty library: what these tests render needs no functions."""
    folder = tmp_path / "templates"
    (folder / "host").mkdir(parents=True)
    (folder / "host" / "lib.sh.j2").write_text("# no functions\n")
    monkeypatch.setattr("provision.bundle.render.TEMPLATES", folder)
    return folder


@pytest.fixture
def lab(tmp_path: Path, templates: Path) -> Iterator[Lab]:  # noqa: ARG001 - it renders with them
    """One host that no other test knows; its processes end with the test."""
    shm = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else tmp_path) as memory:
        host = Lab(tmp_path, Path(memory))
        yield host
        host.clean_up()
