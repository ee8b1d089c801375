"""Run a bundle on the host: verify, install, verify, mark. It travels in the bundle: Python 3.8, standard library only.

State lives under /var/lib/gpurig: the bundle, a mark per step that is done, a file per step whose install has begun
and not ended, a log per step, a journal with a JSON line per event, `pending.json` while a run has not concluded,
`ready.json` when all steps of a bundle have verified. The run itself is a systemd service (a session of its own where
there is no systemd): a dropped connection changes nothing, and a boot that finds `pending.json` goes on.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, TextIO, Tuple

Json = Dict[str, Any]

HOME = Path(os.environ.get("GPURIG_HOME", "/var/lib/gpurig"))
PROFILE = Path(os.environ.get("GPURIG_PROFILE", "/etc/profile.d"))
REBOOT = 100
"""Exit code by which an install script asks for a reboot."""
TIMEOUT = 124
VERIFY_SECONDS = 120
GRACE = 15
"""Seconds without a running process after which a run counts as lost; eight times that across a reboot."""
HEARTBEAT = 10
"""Seconds between signs of life while a run says nothing; a client that hears none for longer connects again."""
TAIL = 20
"""Lines of a failed step's log that reach the user."""
ENDINGS = ("ready", "failed", "reboot")
UNIT = "gpurig.service"
UNIT_TEXT = """[Unit]
Description=gpurig: the provisioning run in progress
ConditionPathExists={home}/pending.json
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=/usr/bin/python3 {home}/runner.py
Environment=GPURIG_HOME={home}

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
    bundle: Json = json.loads(text)
    body = {key: value for key, value in bundle.items() if key != "digest"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
    if hashlib.sha256(canonical).hexdigest() != bundle["digest"]:
        raise SystemExit("gpurig: the bundle arrived damaged; send it again")
    return bundle


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
    """Return whether a run holds the lock now."""
    with lock("run.lock", wait=False) as free:
        return not free


# -- what the user sees: JSON lines, on standard output and in the journal


def say(event: str, **fields: Any) -> None:
    """Answer the client with one event."""
    print(json.dumps({"event": event, **fields}), flush=True)


def record(run_id: str, event: str, **fields: Any) -> None:
    """Append one event to the journal."""
    line = json.dumps({"run": run_id, "event": event, "at": round(time.time(), 3), **fields}) + "\n"
    with (HOME / "journal.jsonl").open("a", encoding="utf-8") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def lines_after(path: Path, offset: int) -> Iterator[Tuple[str, int]]:
    """Yield the whole lines of a file after `offset`, each with the offset that follows it."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if line.endswith(b"\n"):
                offset += len(line)
                yield line.decode("utf-8", "replace").rstrip(), offset


# -- steps


def script(step: Json, kind: str, log: TextIO, seconds: int) -> int:
    """Run a step's script with its output in `log`; returns its exit code, 124 when it ran out of time."""
    path = HOME / "steps" / step["digest"] / kind
    env = {**os.environ, "GPURIG_HOME": str(HOME), "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
    process = subprocess.Popen(
        ["/bin/bash", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=env,
        cwd="/",
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        log.write(f"gpurig: not done after {seconds} s; killed\n")
        return TIMEOUT
    finally:
        # A process that a script leaves behind would go on changing the host after its step has ended.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def unpack(bundle: Json) -> None:
    """Write a bundle's scripts where they run from: a folder per step digest, so that two bundles never mix."""
    write(HOME / "lib.sh", bundle["lib"], 0o644)
    for step in bundle["steps"]:
        for kind in ("install", "verify"):
            path = HOME / "steps" / step["digest"] / kind
            if not path.exists() or path.read_text(encoding="utf-8") != step[kind]:
                write(path, step[kind], 0o755)


def verified(step: Json) -> bool:
    """Return whether a step's files are in place and its verify script says yes. Reads only."""
    for file in step["files"]:
        try:
            if Path(file["path"]).read_text(encoding="utf-8") != file["content"]:
                return False
        except OSError:
            return False
    path = HOME / "logs" / f"{step['name']}.verify.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as log:
        return script(step, "verify", log, VERIFY_SECONDS) == 0


def state_of(step: Json) -> str:
    """Return one of: present, found (there, not by us), changed, missing, broken, interrupted."""
    if (HOME / "begun" / step["name"]).exists():
        return "interrupted"
    done = load(f"marks/{step['name']}.json")
    if not verified(step):
        return "broken" if done else "missing"
    if not done:
        return "found"
    return "present" if done["digest"] == step["digest"] else "changed"


def states_of(bundle: Json) -> Dict[str, str]:
    """Return each step's state; all verify at once."""
    unpack(bundle)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        states = {step["name"]: pool.submit(state_of, step) for step in bundle["steps"]}
        return {name: state.result() for name, state in states.items()}


def mark(step: Json, how: str) -> None:
    """Record that a step is done, and hand its environment to login shells."""
    lines = [f'export {name}="{value}"\n' for name, value in sorted(step["env"].items())]
    if lines:
        write(PROFILE / f"gpurig-{step['name']}.sh", "".join(lines), 0o644)
    done = {"digest": step["digest"], "version": step["version"], "how": how, "at": round(time.time(), 3)}
    write(HOME / "marks" / f"{step['name']}.json", json.dumps(done))
    remove(HOME / "begun" / step["name"])


def install(step: Json) -> Tuple[int, str]:
    """Run a step's install; returns its exit code and, when it failed, why."""
    free = shutil.disk_usage("/").free / 2**30
    if free < step["disk_gib"]:
        return 1, f"it needs {step['disk_gib']:.1f} GiB free on /, and there are {free:.1f}"
    write(HOME / "begun" / step["name"], "")
    with (HOME / "logs" / f"{step['name']}.log").open("w", encoding="utf-8", buffering=1) as log:
        try:
            for file in step["files"]:
                write(Path(file["path"]), file["content"], int(file["mode"], 8))
            code = script(step, "install", log, step["timeout"])
        except OSError as error:
            return 1, str(error)
    if code == REBOOT and step["reboot"]:
        return REBOOT, ""
    if code:
        return code, f"took longer than {step['timeout']} s" if code == TIMEOUT else f"exit code {code}"
    if not verified(step):
        return 1, "its install ended without an error, but its verify script says no"
    return 0, ""


# -- a run


def run() -> None:
    """Carry the pending run to its end. Called by the service, when a run starts and at every boot."""
    with lock("run.lock"):
        pending = load("pending.json")
        if not pending:
            return
        bundle = open_bundle((HOME / "bundle.json").read_text(encoding="utf-8"))
        unpack(bundle)
        record(pending["run"], "start", name=bundle["name"], steps=[step["name"] for step in bundle["steps"]])
        if all(advance(step, pending) for step in bundle["steps"]):
            finish(bundle)
            conclude(pending, "ready", name=bundle["name"])


def finish(bundle: Json) -> None:
    """Say for good that every step of this bundle has verified."""
    done = {"name": bundle["name"], "digest": bundle["digest"], "at": round(time.time(), 3)}
    write(HOME / "ready.json", json.dumps(done), 0o644)


def conclude(pending: Json, event: str, **fields: Any) -> None:
    """End a run. The event goes first, so that nobody sees a run that is over and has no end."""
    record(pending["run"], event, **fields)
    remove(HOME / "pending.json")


def advance(step: Json, pending: Json) -> bool:
    """Bring one step to done; False where the run stops here: a failure or a reboot."""
    name, began, run_id = step["name"], time.monotonic(), pending["run"]
    record(run_id, "step", step=name, state="checking")
    state = state_of(step)
    if state in ("present", "found"):
        if state == "found":
            mark(step, state)
        record(run_id, "step", step=name, state=state, seconds=round(time.monotonic() - began, 1))
        return True
    record(run_id, "step", step=name, state="installing", was=state, notes=step["notes"])
    code, why = install(step)
    if code == REBOOT and name not in pending["rebooted"]:
        return reboot(step, pending)
    if code:
        fail(step, pending, "it still asks for a reboot after one" if code == REBOOT else why)
        return False
    mark(step, "installed")
    record(run_id, "step", step=name, state="installed", seconds=round(time.monotonic() - began, 1))
    return True


def fail(step: Json, pending: Json, why: str) -> None:
    """End a run with the last lines of what the step said."""
    path = HOME / "logs" / f"{step['name']}.{'verify.log' if 'verify' in why else 'log'}"
    tail = [line for line, _ in lines_after(path, 0)][-TAIL:]
    conclude(pending, "failed", step=step["name"], why=why, log=str(path), tail=tail, undo=step["undo"])


def reboot(step: Json, pending: Json) -> bool:
    """Restart the machine; the service goes on with this step after the boot."""
    pending["rebooted"].append(step["name"])
    write(HOME / "pending.json", json.dumps(pending))
    record(pending["run"], "reboot", step=step["name"])
    os.sync()
    try:
        subprocess.run(["systemctl", "reboot"], check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        fail(step, pending, f"it needs a reboot, and that did not work: {error}")
    return False


def start(text: str, *, fresh: bool = False) -> str:
    """Make `text` the pending bundle and start its run, detached from whoever asked; returns the run's id."""
    bundle = open_bundle(text)
    write(HOME / "bundle.json", text)
    write(HOME / "runner.py", bundle["runner"], 0o755)
    for step in bundle["steps"] if fresh else ():
        write(HOME / "begun" / step["name"], "")
    remove(HOME / "ready.json")
    pending = {"run": uuid.uuid4().hex[:12], "name": bundle["name"], "digest": bundle["digest"], "rebooted": []}
    write(HOME / "pending.json", json.dumps(pending))
    detach()
    # Whoever asks next must find this run and not start a second one: wait until it holds its lock, or has ended.
    deadline = time.monotonic() + GRACE
    while not running() and (HOME / "pending.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return str(pending["run"])


def detach() -> None:
    """Start the service that carries the run; a session of its own where there is no systemd."""
    if not Path("/run/systemd/system").is_dir():
        null = subprocess.DEVNULL
        command = [sys.executable, str(HOME / "runner.py")]
        subprocess.Popen(command, start_new_session=True, stdin=null, stdout=null, stderr=null)
        return
    path = Path("/etc/systemd/system") / UNIT
    text = UNIT_TEXT.format(home=HOME)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write(path, text, 0o644)
        systemctl("daemon-reload")
        systemctl("enable", UNIT)
    systemctl("start", "--no-block", UNIT)


def systemctl(*words: str) -> None:
    """Run systemctl without its chatter."""
    null = subprocess.DEVNULL
    subprocess.run(["systemctl", "--quiet", *words], check=True, stdin=null, stdout=null, stderr=null)


def follow(run_id: str, offset: int = 0) -> None:
    """Answer with the events of a run from `offset` of the journal on, and with its log lines, until it ends."""
    step, position, seen, beat = "", 0, time.monotonic(), time.monotonic()
    while True:
        alive = running()
        if time.monotonic() - beat > HEARTBEAT:
            say("alive")
            beat = time.monotonic()
        for line, after in lines_after(HOME / "journal.jsonl", offset):
            event, offset = json.loads(line), after
            if event["run"] != run_id:
                continue
            if event["event"] in ENDINGS or event.get("state") in ("installed", "checking"):
                position = echo(step, position)
            say(**event, offset=offset)
            if event["event"] in ENDINGS:
                return
            if event.get("state") == "installing":
                step, position = event["step"], 0
        position = echo(step, position)
        seen = time.monotonic() if alive else seen
        across_reboot = bool((load("pending.json") or {}).get("rebooted"))
        if time.monotonic() - seen > GRACE * (8 if across_reboot else 1):
            say("lost", run=run_id, step=step)
            return
        time.sleep(0.1)


def echo(step: str, position: int) -> int:
    """Answer with what came into a step's log after `position`; returns the new position."""
    for line, after in lines_after(HOME / "logs" / f"{step}.log", position) if step else ():
        position = after
        say("log", step=step, line=line)
    return position


# -- what a client can ask


def boot() -> None:
    """Start the bundle that cloud-init wrote."""
    os.umask(0o022)
    with lock("apply.lock"):
        start((HOME / "bundle.json").read_text(encoding="utf-8"))


def apply(request: Json) -> None:
    """Bring the host to what the bundle says: start or join a run and follow it; nothing where all is there."""
    bundle = open_bundle(request["bundle"])
    while True:
        with lock("apply.lock"):
            if not running():
                begun = begin(request, bundle)
                break
            pending = load("pending.json")
        if not pending:
            time.sleep(0.1)
            continue
        same = pending["digest"] == bundle["digest"]
        say("joined" if same else "waiting", run=pending["run"], name=pending["name"])
        follow(pending["run"])
        if same:
            return
    if begun:
        follow(*begun)


def begin(request: Json, bundle: Json) -> Optional[Tuple[str, int]]:
    """Start a run if there is anything to do; returns its id and where it begins in the journal."""
    states = states_of(bundle)
    fresh = bool(request.get("fresh"))
    ready = load("ready.json") or {}
    if not fresh and set(states.values()) <= {"present"}:
        if ready.get("digest") != bundle["digest"]:
            finish(bundle)
            remove(HOME / "pending.json")
        say("unchanged", steps=states, since=ready.get("at"))
        return None
    journal = HOME / "journal.jsonl"
    offset = journal.stat().st_size if journal.exists() else 0
    run_id = start(request["bundle"], fresh=fresh)
    say("started", run=run_id, offset=offset, steps=states)
    return run_id, offset


def plan(request: Json) -> None:
    """Answer with the state of each step; installs nothing."""
    say("plan", steps=states_of(open_bundle(request["bundle"])), running=running())


def status(_request: Json) -> None:
    """Answer with what is installed, what runs now and how the last run ended."""
    marks = {path.stem: load(f"marks/{path.name}") for path in sorted((HOME / "marks").glob("*.json"))}
    last = None
    for line, _ in lines_after(HOME / "journal.jsonl", 0):
        event = json.loads(line)
        last = event if event["event"] in ENDINGS else last
    about = {"ready": load("ready.json"), "pending": load("pending.json"), "running": running(), "last": last}
    say("status", marks=marks, **about, **facts())


def facts() -> Json:
    """Return what the machine is: OS release, kernel, GPUs (name, compute capability, driver), free disk, memory."""
    release: Dict[str, str] = {}
    with contextlib.suppress(OSError):
        rows = Path("/etc/os-release").read_text(encoding="utf-8").replace('"', "").splitlines()
        release = dict(row.split("=", 1) for row in rows if "=" in row)
    return {
        "os": f"{release.get('ID', '?')}-{release.get('VERSION_ID', '?')}",
        "kernel": os.uname().release,
        "gpus": gpus(),
        "disk_free_gib": round(shutil.disk_usage("/").free / 2**30, 1),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
    }


def gpus() -> List[List[str]]:
    """Return name, compute capability and driver version of each GPU that the driver sees."""
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    rows = answer.stdout.splitlines() if answer.returncode == 0 else []
    return [[part.strip() for part in row.split(",")] for row in rows]


def main(request: Json) -> None:
    """Answer one request of a client: {"verb": "apply" | "plan" | "status" | "facts" | "follow", …}."""
    os.umask(0o022)
    verb = request["verb"]
    if verb == "facts":
        say("facts", **facts())
    elif verb == "follow":
        follow(request["run"], request["offset"])
    else:
        {"apply": apply, "plan": plan, "status": status}[verb](request)


if __name__ == "__main__":
    os.umask(0o022)
    run()
