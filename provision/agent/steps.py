"""The steps of a bundle: looked at, and marked as done."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from provision.agent.files import load, remove, write
from provision.agent.paths import BEGUN, HOME, MARKS, PROFILE
from provision.agent.words import StepState

if TYPE_CHECKING:
    from typing import Optional

    from provision.agent.wire.documents import Bundle, Mark, Step

TIMEOUT = 256
"""What stands for an exit code, above all that there are, where a script ran out of time."""
REFUSED = 101
"""Exit code by which an install script says that it has changed nothing (`refuse` of lib.sh): no usual program's."""
VERIFY_SECONDS = 120


@functools.lru_cache(maxsize=1)
def open_bundle(text: str) -> Bundle:
    """Return the bundle in `text`. Raises `OSError` for one whose digest is not that of its content."""
    try:
        bundle: Bundle = json.loads(text)
        body = {key: value for key, value in bundle.items() if key != "digest"}
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")
        if hashlib.sha256(canonical).hexdigest() == bundle.get("digest"):
            return bundle
    except (ValueError, AttributeError):
        pass
    raise OSError("the bundle arrived damaged; send it again")


def unpack(bundle: Bundle, folder: Path) -> None:
    """Write a bundle's scripts into an empty folder, from where they run."""
    (folder / "lib.sh").write_text(bundle["lib"], encoding="utf-8")
    for step in bundle["steps"]:
        (folder / f"{step['name']}.install").write_text(step["install"], encoding="utf-8")
        (folder / f"{step['name']}.verify").write_text(step["verify"], encoding="utf-8")


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


def begun_marker(name: str) -> Path:
    """Return the file that is there from the moment a step's install begins until it is done."""
    return BEGUN / name


def sweep(install: Path) -> None:
    """Kill what an install left running, in whatever session: after its timeout, or after its setup was killed.

    Under systemd the service takes its processes with it; this is for where there is none. An install is known by its
    environment, which outlives double forks and says whose it is. Thrice, for what forked while we looked.
    """
    ours = f"GPURIG_INSTALL={install}".encode()
    for _ in range(3):
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                if ours in environ.read_bytes().split(b"\0"):
                    os.kill(int(environ.parent.name), signal.SIGKILL)
            except OSError:
                pass


def verified(step: Step, folder: Path, log: BinaryIO) -> bool:
    """Return whether a step's files are in place and its verify script says yes. Reads only."""
    for file in step["files"]:
        try:
            same = Path(file["path"]).read_bytes() == file["content"].encode("utf-8")
            why = "" if same else f"{file['path']} is not as the recipe has it"
        except OSError as error:
            why = str(error)
        if why:
            log.write(f"gpurig: {why}\n".encode("utf-8"))
            return False
    return script(folder / f"{step['name']}.verify", log, VERIFY_SECONDS) == 0


def mark_of(name: str) -> Optional[Mark]:
    """Return what there is to say of a step that was done, None where it never was."""
    mark: Optional[Mark] = load(MARKS / f"{name}.json")
    return mark


def state_of(step: Step, folder: Path) -> StepState:
    """Return how a step is, by its marks and its verify script."""
    if begun_marker(step["name"]).exists():
        return StepState.INTERRUPTED
    done = mark_of(step["name"])
    with (folder / f"{step['name']}.verify.log").open("wb", buffering=0) as log:
        if not verified(step, folder, log):
            return StepState.BROKEN if done else StepState.MISSING
    if not done:
        return StepState.FOUND
    if done["digest"] == step["digest"]:
        return StepState.PRESENT
    # What stands before the dash is of the recipe alone: where that is the same, it is the settings that are new.
    return StepState.FITTING if done["digest"][:17] == step["digest"][:17] else StepState.CHANGED


def mark(step: Step, how: StepState) -> None:
    """Record that a step is done, and hand its environment to login shells."""
    profile = PROFILE / f"gpurig-{step['name']}.sh"
    lines = [f'export {name}="{value}"\n' for name, value in sorted(step["env"].items())]
    if lines:
        write(profile, "".join(lines), 0o644)
    else:
        remove(profile)
    done: Mark = {"digest": step["digest"], "version": step["version"], "how": how, "at": round(time.time(), 3)}
    write(MARKS / f"{step['name']}.json", json.dumps(done))
    remove(begun_marker(step["name"]))
