"""The host's side of data sets: an order for the program that makes one, and what is uploaded from the user's machine.

It travels with the runner and the host's side of runs: Python 3.8, standard library only. A data set NAME is in the
making in `.NAME.part` beside its folder, and gets its name once it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.runner import say
from provision.agent.runs_host import Refused, check_mounted, make, serve
from provision.agent.transfer_host import hash_on

if TYPE_CHECKING:
    from provision.agent.runner import Json


def order(request: Json) -> None:
    """Write files that only the account may read, such as an order with a password in it."""
    check_mounted(request)
    for name, text in request["files"].items():
        path = Path(name)
        make(path.parent, request["user"])
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        shutil.chown(part, request["user"], pwd.getpwnam(request["user"]).pw_gid)
        part.replace(path)
    say("ordered")


def arrived(request: Json) -> None:
    """Answer with how much of an upload is here, and its SHA-256; more than the whole is no part of it.

    `there`: whether the data set that it is for is there already.
    """
    check_mounted(request)
    path = Path(request["path"])
    make(path.parent, request["user"])
    if not path.exists():
        path.touch()
        shutil.chown(path, request["user"], pwd.getpwnam(request["user"]).pw_gid)
    size = path.stat().st_size
    digest = hashlib.sha256()
    if size <= request["size"]:
        with path.open("rb") as file:
            size = hash_on(digest, file, size)
    room = shutil.disk_usage(path.parent).free
    say("arrived", size=size, sha256=digest.hexdigest(), room=room, there=Path(request["goal"]).exists())


def begin(request: Json) -> None:
    """Make the folder that a folder is uploaded into; one that is there already is what the upload begins from."""
    check_mounted(request)
    goal = Path(request["goal"])
    new = goal.with_name(f".{goal.name}.part") / "put"
    about = goal.with_name(f".{goal.name}.json")
    kind = json.loads(about.read_text(encoding="utf-8")).get("order") if about.exists() else ""
    if goal.exists() and kind != "put":
        raise Refused(f"{goal} is there already, and was not uploaded", "give this one another name by --name")
    make(new.parent, request["user"])
    if goal.exists() and not new.exists():
        # Hard links: what is sent replaces a file and never writes into it.
        made = new.with_name("put.new")
        shutil.rmtree(made, ignore_errors=True)
        _run("cp", "-al", str(goal), str(made))
        made.rename(new)
    make(new, request["user"])
    say("begun", path=str(new))


def finish(request: Json) -> None:
    """Give an uploaded folder its name; what had it before goes."""
    goal = Path(request["goal"])
    scratch = goal.with_name(f".{goal.name}.part")
    new, old = scratch / "put", scratch / "old"
    if not new.is_dir():
        raise Refused(f"{new} is gone", "the same command sends it again")
    # A power cut must not leave names without bytes.
    os.sync()
    if goal.exists():
        shutil.rmtree(old, ignore_errors=True)  # what a power cut left between these two lines and the end
        goal.rename(old)
    new.rename(goal)
    about = goal.with_name(f".{goal.name}.json")
    about.write_text(json.dumps({"order": "put", "at": request["at"]}) + "\n", encoding="utf-8")
    shutil.chown(about, request["user"], pwd.getpwnam(request["user"]).pw_gid)
    shutil.rmtree(scratch)
    say("finished")


def _run(*words: str) -> None:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())


def main(request: Json) -> None:
    """Answer {"verb": "order" | "arrived" | "begin" | "finish", ...}."""
    serve({"order": order, "arrived": arrived, "begin": begin, "finish": finish}, request)
