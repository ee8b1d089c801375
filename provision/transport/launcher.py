"""How the program on the box is started over SSH: a few lines that ask for what the box lacks, and JSON events back."""

from __future__ import annotations

import json
import shlex
import zlib
from typing import TYPE_CHECKING, Any

from provision.agent.paths import MACHINE_HOME
from provision.agent.verbs import Verb
from provision.agent.words import Kind
from provision.bundle import program
from provision.transport.sudo import PROMPT

if TYPE_CHECKING:
    from provision.agent.wire.documents import Account
    from provision.agent.wire.events import Event
    from provision.agent.wire.requests import Ask, Request, Whole

# The program stays on the box, in a folder named by its digest: Python keeps its bytecode there, and compiling it takes
# longer than many an answer. On a full disk it goes into memory, for as long as the answer takes.
LAUNCHER = f"""
import atexit, glob, hashlib, json, os, shutil, sys, tempfile, zlib
from importlib.machinery import SourceFileLoader as Loader
os.umask(0o022)
ask, whole, programs = json.loads(sys.argv[1]), None, "{MACHINE_HOME}/agent"
place = os.path.join(programs, ask["agent"])
def put(folder):
    for name, text in whole["agent"].items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
def digest(folder):
    files = dict()
    for path in sorted(glob.glob(folder + "/provision/agent/*.py")):
        with open(path, encoding="utf-8") as file:
            files[path[len(folder) + 1:]] = file.read()
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()
if digest(place) != ask["agent"]:
    print('{{"event": "{Kind.SEND.value}", "agent": true}}', flush=True)
    whole = json.loads(zlib.decompress(sys.stdin.buffer.read()))
    try:
        os.makedirs(programs, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=programs) as part:
            put(part + "/new")
            if os.path.isdir(place):
                os.rename(place, part + "/old")
            os.rename(part + "/new", place)
    except OSError:
        if digest(place) != ask["agent"]:  # nobody was faster
            place = tempfile.mkdtemp(dir="/dev/shm")
            atexit.register(shutil.rmtree, place, ignore_errors=True)
            put(place)
def code(loader, name, plain=Loader.get_code):
    try:
        return plain(loader, name)
    except (EOFError, ValueError):  # bytecode that a power cut left cut short
        return loader.source_to_code(loader.get_data(loader.path), loader.path)
Loader.get_code = code
sys.path.insert(0, place)
from provision.agent import serve
serve.main(ask, whole)
"""


def command(request: Request) -> str:
    """Return the shell command that starts the program, with the request where every process of the box may read it."""
    ask: Ask = {"agent": program.digest()}
    if request["verb"] == Verb.APPLY or request["verb"] == Verb.PLAN or request["verb"] == Verb.FOLLOW:
        ask["request"] = request
    # The standard library is all that it needs: without the host's own packages Python is there sooner.
    return f"python3 -IS -c {shlex.quote(LAUNCHER)} {shlex.quote(json.dumps(ask))}"


def whole(request: Request, account: Account, *, agent: bool) -> bytes:
    """Return what answers the box when it asks for the request and, where `agent`, for the program."""
    document: Whole = {"request": request, "account": account, "agent": program.files() if agent else None}
    return zlib.compress(json.dumps(document).encode())


def parse(line: str) -> Event:
    """Return the event in a line; a line that is none becomes one: nothing that the host says is dropped."""
    text = line.rstrip("\n")
    if text == PROMPT:
        return {"event": Kind.PROMPT, "step": "", "line": text}
    try:
        found: Any = json.loads(line)
        found["event"] = Kind(found["event"])
    except (ValueError, TypeError, KeyError):
        return {"event": Kind.LOG, "step": "", "line": text}
    event: Event = found
    return event
