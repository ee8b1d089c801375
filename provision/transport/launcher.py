"""How the program on the box is started over SSH: a few lines that ask for what the box lacks, and JSON events back."""

from __future__ import annotations

import json
import shlex
import zlib
from typing import TYPE_CHECKING, Any

from provision.agent.paths import MACHINE_HOME, MEMORY
from provision.agent.verbs import Verb
from provision.agent.words import Kind
from provision.bundle import program
from provision.transport.shape import is_event

if TYPE_CHECKING:
    from provision.agent.wire.documents import Account
    from provision.agent.wire.events import Event
    from provision.agent.wire.requests import Ask, Request, Whole

SILENCE = 60
"""Seconds without a sign of life (the program on the box gives one every 10) that mean that a connection is lost."""

# The program stays on the box, in a folder named by its digest: Python keeps its bytecode there, and compiling it takes
# longer than many an answer. On a full disk it goes into memory, for as long as the answer takes. What is there is
# looked at first, by as few imports as that takes: it is all that happens from the second request on.
LAUNCHER = f"""
import hashlib, json, os, sys
from importlib.machinery import SourceFileLoader as Loader
from importlib.util import cache_from_source
os.umask(0o022)
ask, whole, programs = json.loads(sys.argv[1]), None, "{MACHINE_HOME}/agent"
place = os.path.join(programs, ask["agent"])
def is_whole(folder):
    files, inner = dict(), "provision/agent/"
    try:
        for name in sorted(os.listdir(os.path.join(folder, inner))):
            if name.endswith(".py"):
                with open(os.path.join(folder, inner, name), encoding="utf-8") as file:
                    files[inner + name] = file.read()
    except (OSError, ValueError):
        return False
    return hashlib.sha256(json.dumps(files).encode()).hexdigest() == ask["agent"]
def receive():
    import atexit, shutil, tempfile, zlib
    print('{{"event": "{Kind.SEND.value}", "agent": true}}', flush=True)
    whole = json.loads(zlib.decompress(sys.stdin.buffer.read()))
    def put(folder):
        for name, text in whole["agent"].items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        return folder
    try:
        os.makedirs(programs, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=programs) as part:
            new = put(os.path.join(part, "new"))
            if os.path.isdir(place) and not is_whole(place):
                os.rename(place, os.path.join(part, "old"))
            os.rename(new, place)
    except OSError:
        if not is_whole(place):  # nobody was faster
            memory = tempfile.mkdtemp(dir="{MEMORY}" if os.path.isdir("{MEMORY}") else None)
            atexit.register(shutil.rmtree, memory, ignore_errors=True)
            return whole, put(memory)
    return whole, place
if is_whole(place):
    try:
        os.utime(place)  # it is in use
    except OSError:
        pass
elif "early" in ask:
    sys.exit()  # there is nothing that could wait
else:
    whole, place = receive()
def code(loader, name, plain=Loader.get_code):
    try:
        return plain(loader, name)
    except Exception:  # bytecode that a power cut left cut short
        os.unlink(cache_from_source(loader.path))
        return plain(loader, name)
Loader.get_code = code
sys.path.insert(0, place)
from provision.agent import serve
serve.main(ask, whole)
"""


def command(request: Request) -> str:
    """Return the shell command that starts the program, with the request where every process of the box may read it."""
    return _start(_ask(request))


def early(*, look: bool) -> str:
    """Return the command that starts the program before there is a request: `line` follows on its standard input.

    `look`: have it look meanwhile at what the box has. It says that it is alive once it has the line; a box that lacks
    the program ends it without a word.
    """
    return _start({"agent": program.digest(), "early": look})


def line(request: Request) -> bytes:
    """Return what the program waits for that was started early."""
    return json.dumps(_ask(request)).encode("ascii") + b"\n"


def _ask(request: Request) -> Ask:
    ask: Ask = {"agent": program.digest()}
    # Links to kept builds are for root's eyes: with any, the whole request goes by standard input.
    lends = request["verb"] == Verb.APPLY and request["builds"]
    if not lends and (request["verb"] in (Verb.APPLY, Verb.PLAN, Verb.FOLLOW)):
        ask["request"] = request
    return ask


def _start(ask: Ask) -> str:
    # The standard library is all that it needs: without the host's own packages Python is there sooner.
    return f"python3 -IS -c {shlex.quote(LAUNCHER)} {shlex.quote(json.dumps(ask))}"


def unasked(user: str, command: str) -> str:
    """Return a command as root would run it where sudo asks for nothing; it fails where it would have to."""
    # What sudo says is looked at: in English.
    return command if user == "root" else f"LC_ALL=C sudo -n {command}"


def channel(transport: Any, command: str | bytes, *, apart: bool = False) -> Any:
    """Begin a command by a Paramiko transport; returns its channel. `apart`: with standard error for itself."""
    opened = transport.open_session(timeout=SILENCE)
    opened.settimeout(SILENCE)
    # One stream: what no program of ours says (a shell's start-up file, sudo, a Python that breaks) is seen too.
    opened.set_combine_stderr(combine=not apart)
    opened.exec_command(command)
    return opened


def whole(request: Request, account: Account, *, agent: bool) -> bytes:
    """Return what answers the box when it asks for the request and, where `agent`, for the program."""
    document: Whole = {"request": request, "account": account, "agent": program.files() if agent else None}
    return zlib.compress(json.dumps(document).encode())


def parse(line: str) -> Event:
    """Return the event in a line; a line that is none becomes one: nothing that the host says is dropped."""
    text = line.rstrip("\n")
    try:
        found: Any = json.loads(line)
        found["event"] = Kind(found["event"])
        event: Event | None = found if is_event(found) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        event = None
    return event or {"event": Kind.LOG, "step": "", "line": text}
