"""Run a bundle on the host: verify, install, verify, mark. It travels in the bundle: Python 3.8, standard library only.

State lives under /var/lib/gpurig: the bundle, a mark per step that is done, a file per step whose install has begun
and not ended, a log per step, a journal with a JSON line per event, `pending.json` while a run has not concluded,
`ready.json` when all steps of a bundle have verified. The run itself is a systemd service (a session of its own where
there is no systemd): a dropped connection changes nothing, and a boot that finds `pending.json` goes on.

Three locks: who holds `apply.lock` may start a run; who holds `run.lock` may change what is pending; a run holds
`alive.lock` for its whole life, and whoever wants to know whether there is one asks for it shared, in nobody's way.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Optional, Tuple

Json = Dict[str, Any]

MACHINE_HOME = Path("/var/lib/gpurig")
HOME = Path(os.environ.get("GPURIG_HOME", str(MACHINE_HOME)))
PROFILE = Path(os.environ.get("GPURIG_PROFILE", "/etc/profile.d"))
REBOOT = 100
"""Exit code by which an install script asks for a reboot."""
TIMEOUT = 256
"""What stands for an exit code, above all that there are, where a script ran out of time."""
VERIFY_SECONDS = 120
GRACE = 15
"""Seconds without a running process after which a run counts as lost; eight times that across a reboot."""
HEARTBEAT = 10
"""Seconds between signs of life while a run says nothing; a client that hears none for longer connects again."""
TAIL = 20
"""Lines of a failed step's log that reach the user."""
LINE = 4096
"""Bytes of a log line that are handed on as one: a progress bar may write megabytes without a line break."""
BALLAST = 2**20
"""Bytes kept aside, so that a run on a full disk can still say that it failed."""
FULL = 64 * 2**20
"""Free bytes below which a failure is blamed on the disk."""
ENDINGS = ("ready", "failed", "reboot")
UNIT = "gpurig.service"
UNIT_TEXT = f"""[Unit]
Description=gpurig: the provisioning run in progress
ConditionPathExists={MACHINE_HOME}/pending.json
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/bin/python3 {MACHINE_HOME}/runner.py

[Install]
WantedBy=multi-user.target
"""


# -- files: each is written whole or not at all


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace `path` so that a power cut leaves the old text or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(name: str) -> Optional[Json]:
    """Return a JSON file of ours, or None when it is not there or is not whole."""
    try:
        document: Json = json.loads((HOME / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document


def remove(path: Path) -> None:
    """Drop a file that may not be there."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def open_bundle(text: str) -> Json:
    """Return the bundle in `text`; refuse one whose digest is not that of its content."""
    with contextlib.suppress(ValueError, AttributeError):
        bundle: Json = json.loads(text)
        body = {key: value for key, value in bundle.items() if key != "digest"}
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
        if hashlib.sha256(canonical).hexdigest() == bundle.get("digest"):
            return bundle
    raise SystemExit("gpurig: the bundle arrived damaged; send it again")


@contextlib.contextmanager
def lock(name: str, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file; yields False, without waiting, when `wait` is off and somebody has it."""
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def running() -> bool:
    """Return whether a run is alive now. Shared: those who ask never take each other for a run."""
    try:
        with (HOME / "alive.lock").open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


# -- what the user sees: JSON lines, on standard output and in the journal


SAYING = threading.Lock()


def say(event: str, **fields: Any) -> None:
    """Answer the client with one event."""
    with SAYING:
        print(json.dumps({"event": event, **fields}), flush=True)


def beat() -> None:
    """Give the client a sign of life now and then: a verify script or a silent install may take minutes."""
    with contextlib.suppress(OSError, ValueError):
        while True:
            time.sleep(HEARTBEAT)
            say("alive")


def record(run_id: str, event: str, **fields: Any) -> None:
    """Append one event to the journal, after dropping what a kill or a full disk left of a line before it."""
    line = json.dumps({"run": run_id, "event": event, "at": round(time.time(), 3), **fields}) + "\n"
    with (HOME / "journal.jsonl").open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        if file.read() not in (b"", b"\n"):
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
        file.write(line.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def events_after(offset: int) -> Iterator[Tuple[Json, int]]:
    """Yield the events of the journal after `offset`, of every run, each with the offset that follows it."""
    with contextlib.suppress(FileNotFoundError), (HOME / "journal.jsonl").open("rb") as file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                offset += len(line)
                yield json.loads(line), offset


def log_after(log: Path, position: int, *, ended: bool) -> Iterator[Tuple[str, int]]:
    """Yield the lines of a log after `position`, each with the position that follows it.

    A last line that has no end yet waits for one, unless what writes it has `ended`.
    """
    with contextlib.suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(position)
        for line in iter(lambda: file.readline(LINE), b""):
            if not (ended or line.endswith(b"\n") or len(line) == LINE):
                return
            position += len(line)
            # Of a progress bar, what a terminal would show at the end.
            yield line.decode("utf-8", "replace").rstrip().rpartition("\r")[2], position


def log_of(step: str) -> Path:
    """Return where the output of a step's install goes."""
    return HOME / "logs" / f"{step}.log"


# -- steps


def script(path: Path, log: BinaryIO, seconds: int, **env: str) -> int:
    """Run a script with its output in `log`; returns its exit code, `TIMEOUT` when it ran out of time."""
    process = subprocess.Popen(
        ["/bin/bash", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "GPURIG_HOME": str(HOME), "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **env},
        cwd="/",
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        log.write(f"\ngpurig: not done after {seconds} s; killed\n".encode("ascii"))
        return TIMEOUT
    finally:
        # A process that a script leaves behind would go on changing the host after its step has ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def begun(step: Json) -> Path:
    """Return the file that is there from the moment a step's install begins until it is done."""
    return HOME / "begun" / str(step["name"])


def sweep(install: Path) -> None:
    """Kill what an install left running, in whatever session: after its timeout, or after its runner was killed.

    Under systemd the service takes its processes with it; this is for where there is none. An install is known by its
    environment, which outlives double forks and says whose it is. Thrice, for what forked while we looked.
    """
    ours = f"GPURIG_INSTALL={install}".encode()
    for _ in range(3):
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if ours in environ.read_bytes().split(b"\0"):
                    os.kill(int(environ.parent.name), signal.SIGKILL)


def unpack(bundle: Json, folder: Path) -> None:
    """Write a bundle's scripts into an empty folder, from where they run."""
    (folder / "lib.sh").write_text(bundle["lib"], encoding="utf-8")
    for step in bundle["steps"]:
        for kind in ("install", "verify"):
            (folder / f"{step['name']}.{kind}").write_text(step[kind], encoding="utf-8")


def verified(step: Json, folder: Path, log: BinaryIO) -> bool:
    """Return whether a step's files are in place and its verify script says yes. Reads only."""
    for file in step["files"]:
        try:
            if Path(file["path"]).read_bytes() != file["content"].encode("utf-8"):
                log.write(f"gpurig: {file['path']} is not as the recipe has it\n".encode("utf-8"))
                return False
        except OSError as error:
            log.write(f"gpurig: {error}\n".encode("utf-8"))
            return False
    return script(folder / f"{step['name']}.verify", log, VERIFY_SECONDS) == 0


def state_of(step: Json, folder: Path) -> str:
    """Return one of: present, found (there, not by us), changed, missing, broken, interrupted."""
    if begun(step).exists():
        return "interrupted"
    done = load(f"marks/{step['name']}.json")
    with (folder / f"{step['name']}.verify.log").open("wb", buffering=0) as log:
        if not verified(step, folder, log):
            return "broken" if done else "missing"
    if not done:
        return "found"
    return "present" if done["digest"] == step["digest"] else "changed"


def states_of(bundle: Json) -> Dict[str, str]:
    """Return each step's state; all verify at once, in a folder of their own: a run may be using ours."""
    states: Dict[str, str] = {}
    errors: List[OSError] = []

    def look(step: Json) -> None:
        try:
            states[step["name"]] = state_of(step, Path(folder))
        except OSError as error:
            errors.append(error)

    with tempfile.TemporaryDirectory(prefix="gpurig-") as folder:
        unpack(bundle, Path(folder))
        looks = [threading.Thread(target=look, args=[step]) for step in bundle["steps"]]
        for one in looks:
            one.start()
        for one in looks:
            one.join()
    for error in errors:
        raise error
    return {step["name"]: states[step["name"]] for step in bundle["steps"]}


def mark(step: Json, how: str) -> None:
    """Record that a step is done, and hand its environment to login shells."""
    profile = PROFILE / f"gpurig-{step['name']}.sh"
    lines = [f'export {name}="{value}"\n' for name, value in sorted(step["env"].items())]
    if lines:
        write(profile, "".join(lines), 0o644)
    else:
        remove(profile)
    done = {"digest": step["digest"], "version": step["version"], "how": how, "at": round(time.time(), 3)}
    write(HOME / "marks" / f"{step['name']}.json", json.dumps(done))
    remove(begun(step))


def attempt(step: Json, folder: Path, log: BinaryIO, *, rebooted: bool, **more: str) -> Tuple[int, str]:
    """Write a step's files, run its install, look at what it made; returns its exit code and what went wrong."""
    for file in step["files"]:
        write(Path(file["path"]), file["content"], int(file["mode"], 8))
    env = {"GPURIG_INSTALL": str(begun(step)), "GPURIG_REBOOTED": "1" if rebooted else "", **more}
    code = script(folder / f"{step['name']}.install", log, step["timeout"], **env)
    if code == TIMEOUT:
        sweep(begun(step))
    if code == 0 and not verified(step, folder, log):
        return 1, "its install ended without an error, but its verify script says no"
    why = {0: "", TIMEOUT: f"not done after {step['timeout']} s"}
    return code, why.get(code, f"exit code {code}" if code > 0 else f"killed by signal {-code}")


def install(step: Json, folder: Path, keeper: Any, *, rebooted: bool) -> Tuple[int, str, str]:
    """Install a step, unless a reboot was all that it still needed, or what was kept of it does.

    Returns its exit code, what went wrong, and how much of it came from the job volume ("whole", "built" or "", or
    "full" where there is no room to keep all of it there).
    """
    free = shutil.disk_usage("/").free / 2**30
    if free < step["disk_gib"]:
        return 1, f"it needs {step['disk_gib']:.1f} GiB free on /, and there are {free:.1f}", ""
    write(begun(step), "")
    with log_of(step["name"]).open("ab", buffering=0) as log:
        if rebooted and verified(step, folder, log):
            return 0, "", ""
        if not (keeper and step["key"]):
            return (*attempt(step, folder, log, rebooted=rebooted), "")
        build = keeper.build(step, log)
        if build.put_back() and verified(step, folder, log):
            return 0, "", build.done(whole=True)
        build.watch()
        code, why = attempt(step, folder, log, rebooted=rebooted, **build.env)
        if code and build.give_up():
            build.watch()
            code, why = attempt(step, folder, log, rebooted=rebooted, **build.env)
        return code, why, "" if code else build.done(whole=False)


# -- a run


def run() -> None:
    """Carry the pending run to its end. Called by the service, when a run starts and at every boot."""
    with lock("run.lock"), lock("alive.lock"):
        pending = load("pending.json")
        if not pending:
            return
        try:
            carry(pending)
        except (OSError, SystemExit) as error:
            fail(None, pending, str(error))
        except Exception as error:  # noqa: BLE001 - a run that ends without a word would be waited for
            fail(None, pending, f"{type(error).__name__}: {error}")


def carry(pending: Json) -> None:
    """Bring every step of the pending bundle to done."""
    folder = HOME / "scripts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (HOME / "logs").mkdir(exist_ok=True)
    for path in (HOME / "begun").glob("*"):
        sweep(path)
    with (HOME / "ballast").open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, BALLAST)
    bundle = open_bundle((HOME / "bundle.json").read_text(encoding="utf-8"))
    unpack(bundle, folder)
    record(pending["run"], "start", name=bundle["name"], steps=[step["name"] for step in bundle["steps"]])
    keeper = keeper_of(bundle, fresh=bool(pending.get("fresh")))
    for step in bundle["steps"]:
        try:
            if not advance(step, folder, pending, keeper):
                return
        except OSError as error:
            fail(step, pending, str(error))
            return
    finish(bundle)
    conclude(pending, "ready", name=bundle["name"])


def keeper_of(bundle: Json, *, fresh: bool) -> Any:
    """Return what keeps builds on the job volume, as the bundle brings it; None where it brings nothing of the kind."""
    about = bundle.get("kept")
    if not about:
        return None
    sys.modules["provision.agent.runner"] = sys.modules[__name__]
    for name, text in about["modules"]:
        module = sys.modules[f"provision.agent.{name}"] = types.ModuleType(f"provision.agent.{name}")
        exec(compile(text, f"gpurig-{name}", "exec"), vars(module))  # noqa: S102 - as the runner itself came here
    return vars(module)["Keeper"](about, fresh=fresh)


def finish(bundle: Json) -> Json:
    """Say for good that every step of this bundle has verified."""
    done = {"name": bundle["name"], "digest": bundle["digest"], "at": round(time.time(), 3)}
    write(HOME / "ready.json", json.dumps(done), 0o644)
    return done


def conclude(pending: Json, event: str, **fields: Any) -> None:
    """End a run. The event goes first, so that nobody sees a run that is over and has no end."""
    record(pending["run"], event, **fields)
    remove(HOME / "pending.json")


def advance(step: Json, folder: Path, pending: Json, keeper: Any) -> bool:
    """Bring one step to done; False where the run stops here: a failure or a reboot."""
    name, began, run_id = step["name"], time.monotonic(), pending["run"]
    record(run_id, "step", step=name, state="checking")
    state = state_of(step, folder)
    if state in ("present", "found"):
        if state == "found":
            mark(step, state)
        record(run_id, "step", step=name, state=state, seconds=round(time.monotonic() - began, 1))
        return True
    # Before the event: whoever follows reads the log from there on, and must not see an earlier run's.
    write(log_of(name), "")
    record(run_id, "step", step=name, state="installing", was=state, notes=step["notes"])
    code, why, kept = install(step, folder, keeper, rebooted=name in pending["rebooted"])
    if code == REBOOT and step["reboot"]:
        if name not in pending["rebooted"]:
            return reboot(step, pending)
        why = "it still asks for a reboot after one"
    if code:
        fail(step, pending, why)
        return False
    mark(step, "installed")
    more = {"kept": kept} if kept else {}
    record(run_id, "step", step=name, state="installed", seconds=round(time.monotonic() - began, 1), **more)
    return True


def fail(step: Optional[Json], pending: Json, why: str) -> None:
    """End a run with the last lines of what the step's install said, where it had begun."""
    remove(HOME / "ballast")
    if shutil.disk_usage(HOME).free < FULL:
        why += f"; the disk that holds {HOME} is full"
    about: Json = {"step": "", "log": str(HOME / "journal.jsonl"), "tail": [], "undo": ""}
    if step:
        log = log_after(log_of(step["name"]), 0, ended=True) if begun(step).exists() else ()
        tail = [line for line, _ in collections.deque(log, TAIL)]
        about = {"step": step["name"], "log": str(log_of(step["name"])), "tail": tail, "undo": step["undo"]}
    conclude(pending, "failed", why=why, **about)


def reboot(step: Json, pending: Json) -> bool:
    """Restart the machine; the service goes on with this step after the boot."""
    pending["rebooted"].append(step["name"])
    write(HOME / "pending.json", json.dumps(pending))
    record(pending["run"], "reboot", step=step["name"])
    os.sync()
    try:
        systemctl("reboot")
    except OSError as error:
        fail(step, pending, f"it needs a reboot, and that did not work: {error}")
        return False
    # Until the machine is down nobody else may start a run on it.
    time.sleep(8 * GRACE)
    fail(step, pending, "it needs a reboot, and the machine did not restart")
    return False


def prepare(text: str, *, fresh: bool = False) -> Json:
    """Make `text` the pending bundle and return what is pending; the caller holds `run.lock`."""
    bundle = open_bundle(text)
    for name in ("pending.json", "ready.json", "looked.json"):
        remove(HOME / name)
    for step in bundle["steps"] if fresh else ():
        write(begun(step), "")
    write(HOME / "runner.py", bundle["runner"], 0o755)
    write(HOME / "bundle.json", text)
    pending = {"run": os.urandom(6).hex(), "name": bundle["name"], "digest": bundle["digest"], "rebooted": []}
    pending["fresh"] = fresh
    write(HOME / "pending.json", json.dumps(pending))
    return pending


def launch() -> None:
    """Start the pending run, detached from whoever asked; the caller holds `apply.lock`.

    Whoever asks next must find this run and not start a second one: wait until it is alive, or has ended.
    """
    detach()
    deadline = time.monotonic() + GRACE
    while not running() and (HOME / "pending.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def detach() -> None:
    """Start the service that carries the run; a session of its own where there is no systemd.

    Another home than the machine's is somebody's trial: no service, and no boot goes on with it.
    """
    if HOME != MACHINE_HOME or not Path("/run/systemd/system").is_dir():
        null = subprocess.DEVNULL
        command = [sys.executable, str(HOME / "runner.py")]
        subprocess.Popen(command, start_new_session=True, stdin=null, stdout=null, stderr=null)
        return
    path = Path("/etc/systemd/system") / UNIT
    if not path.exists() or path.read_text(encoding="utf-8") != UNIT_TEXT:
        write(path, UNIT_TEXT, 0o644)
    systemctl("enable", UNIT)
    systemctl("start", "--no-block", UNIT)


def systemctl(*words: str) -> None:
    """Run systemctl. Raises `OSError` with what it said when it fails."""
    command = ["systemctl", "--quiet", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr.strip()}")


def follow(run_id: str, offset: int = 0, position: int = 0) -> str:
    """Answer with the events of a run and with its log lines, until it ends; returns the event that ended it.

    `offset` (of the journal) and `position` (in the log of the step in progress) are what a client that was cut off
    has seen last: the journal is read from its beginning, to know that step, and told from there.
    """
    step, place, end, seen = "", 0, 0, time.monotonic()
    while True:
        pending = load("pending.json") or {}
        mine = pending.get("run") == run_id
        seen = time.monotonic() if mine and running() else seen
        ending = ""
        for event, end in events_after(end):  # noqa: B020 - each look goes on where the one before ended
            if event["run"] != run_id:
                continue
            state = event.get("state")
            if end > offset:
                if event["event"] in ENDINGS or state == "installed":
                    place = echo(step, place, ended=True)
                say(**event, offset=end)
                # A restart with something after it is history.
                ending = event["event"] if event["event"] in ENDINGS else ""
            if state == "installing":
                step, place = event["step"], 0 if end > offset else position
            elif state == "installed":
                step = ""
        if ending:
            return str(ending)
        place = echo(step, place)
        if time.monotonic() - seen > GRACE * (8 if mine and pending["rebooted"] else 1):
            say("lost", run=run_id, step=step)
            return "lost"
        time.sleep(0.1)


def echo(step: str, position: int, *, ended: bool = False) -> int:
    """Answer with what came into a step's log after `position`; returns the new position."""
    for line, after in log_after(log_of(step), position, ended=ended) if step else ():
        position = after
        say("log", step=step, line=line, position=position)
    return position


# -- what a client can ask


def boot() -> None:
    """Start the bundle that cloud-init wrote, unless a client was faster and its run is in progress."""
    os.umask(0o022)
    with lock("apply.lock"):
        with lock("run.lock", wait=False) as free:
            if free:
                prepare((HOME / "bundle.json").read_text(encoding="utf-8"))
        if free:
            launch()


def apply(request: Json) -> None:
    """Bring the host to what the bundle says: start or join a run and follow it; nothing where all is there."""
    bundle = open_bundle(request["bundle"])
    while True:
        asked = time.monotonic()
        with lock("apply.lock"):
            with lock("run.lock", wait=False) as free:
                answer = begin(request, bundle, asked) if free else {}
                pending = load("pending.json")
            if answer.get("event") == "started":
                launch()
        if answer:
            say(**answer)
            if answer["event"] == "started":
                follow(answer["run"], answer["offset"])
            return
        if not pending:
            time.sleep(0.1)  # that run is just ending
            continue
        same = pending["digest"] == bundle["digest"]
        say("joined" if same else "waiting", run=pending["run"], name=pending["name"])
        if follow(pending["run"]) == "reboot" and not same:
            time.sleep(GRACE)  # the machine goes down under us; the client asks again when it is back
            return
        if same:
            return


def begin(request: Json, bundle: Json, asked: float) -> Json:
    """Make the bundle pending if there is anything to do; returns what to tell the client.

    Of many who ask at once each would look, one after the other: who `asked` before a look began takes what it found.
    """
    fresh, began = bool(request.get("fresh")), time.monotonic()
    looked = load("looked.json") or {}
    known = (looked.get("digest"), looked.get("boot")) == (bundle["digest"], boot_id()) and looked["began"] > asked
    states = looked["states"] if known and not fresh else states_of(bundle)
    if not fresh and set(states.values()) <= {"present"}:
        if not known:
            looked = {"digest": bundle["digest"], "boot": boot_id(), "began": began, "states": states}
            with contextlib.suppress(OSError):  # on a full disk each looks, as one that asks alone does
                (HOME / "looked.json").write_text(json.dumps(looked), encoding="ascii")
        ready = load("ready.json")
        if not ready or ready["digest"] != bundle["digest"]:
            remove(HOME / "pending.json")
            write(HOME / "bundle.json", request["bundle"])
            ready = finish(bundle)
        return {"event": "unchanged", "steps": states, "since": ready["at"]}
    journal = HOME / "journal.jsonl"
    offset = journal.stat().st_size if journal.exists() else 0
    pending = prepare(request["bundle"], fresh=fresh)
    return {"event": "started", "run": pending["run"], "offset": offset, "steps": states}


def plan(request: Json) -> None:
    """Answer with the state of each step; installs nothing."""
    say("plan", steps=states_of(open_bundle(request["bundle"])), running=running())


def status(_request: Json) -> None:
    """Answer with what is installed, what is half done, what runs now and how the last run ended."""
    interrupted = sorted(path.name for path in (HOME / "begun").glob("*") if path.suffix != ".part")
    marks = {path.stem: load(f"marks/{path.name}") for path in sorted((HOME / "marks").glob("*.json"))}
    whole = {name: done for name, done in marks.items() if done and name not in interrupted}
    last = None
    for event, _ in events_after(0):
        last = event if event["event"] in ENDINGS else last
    pending = load("pending.json")
    run = {"ready": load("ready.json"), "pending": pending, "running": bool(pending) and running(), "last": last}
    say("status", marks=whole, interrupted=interrupted, **run, **facts())


def facts() -> Json:
    """Return what the machine is: OS release, kernel, free disk, memory, GPUs, and what may keep a driver from them."""
    release: Dict[str, str] = {}
    with contextlib.suppress(OSError):
        rows = Path("/etc/os-release").read_text(encoding="utf-8").replace('"', "").splitlines()
        release = dict(row.split("=", 1) for row in rows if "=" in row)
    return {
        "os": f"{release.get('ID', '?')}-{release.get('VERSION_ID', '?')}",
        "kernel": os.uname().release,
        "gpus": gpus(),
        "pci": pci_gpus(),
        "nouveau": Path("/sys/module/nouveau").exists(),
        # Four bytes of attributes, then the variable's value.
        "secure_boot": any(p.read_bytes()[4:] == b"\1" for p in Path("/sys/firmware/efi/efivars").glob("SecureBoot-*")),
        "disk_free_gib": round(shutil.disk_usage("/").free / 2**30, 1),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "boot_id": boot_id(),
    }


def boot_id() -> str:
    """Return what the kernel calls the time since it started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def gpus() -> List[List[str]]:
    """Return name, compute capability and driver version of each GPU that the driver sees."""
    rows = output("nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader")
    return [[part.strip() for part in row.split(",")] for row in rows.splitlines()]


def pci_gpus() -> List[List[str]]:
    """Return slot, number ("2204") and udev's name ("GA102 [GeForce RTX 3090]") of NVIDIA's GPUs, driver or not."""
    found = []
    for path in sorted(Path("/sys/bus/pci/devices").glob("*/modalias")):
        alias = path.read_text(encoding="ascii").strip()
        if alias.startswith("pci:v000010DE") and "bc03" in alias:
            rows = output("systemd-hwdb", "query", alias).splitlines()
            name = next((row.split("=", 1)[1] for row in rows if row.startswith("ID_MODEL_FROM_DATABASE=")), "")
            found.append([path.parent.name, alias[18:22].lower(), name])
    return found


def output(*command: str) -> str:
    """Return what a command prints, "" where it is not there or fails."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        pipes: Json = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        return str(subprocess.run(command, timeout=30, check=True, **pipes).stdout)
    return ""


def main(request: Json) -> None:
    """Answer one request of a client: {"verb": "apply" | "plan" | "status" | "facts" | "follow", …}."""
    os.umask(0o022)
    threading.Thread(target=beat, daemon=True).start()
    verb = request["verb"]
    try:
        if verb == "facts":
            say("facts", **facts())
        elif verb == "follow":
            follow(request["run"], request["offset"], request.get("position", 0))
        else:
            {"apply": apply, "plan": plan, "status": status}[verb](request)
    except OSError as error:
        raise SystemExit(f"gpurig: {error}") from error


if __name__ == "__main__":
    os.umask(0o022)
    run()
