"""Data sets: an order for the program that makes one, and what is uploaded from the user's machine.

A data set NAME is in the making in `.NAME.part` beside its folder, and gets its name once it is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import give, hash_on, make_folder
from provision.agent.mount import need_mounted
from provision.agent.processes import run_checked
from provision.agent.reply import Refused, say
from provision.agent.words import Kind

if TYPE_CHECKING:
    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account


def order(request: requests.Order, account: Account) -> None:
    """Write files that only the account may read, such as an order with a password in it."""
    need_mounted(account)
    for name, text in request["files"].items():
        path = Path(name)
        make_folder(path.parent, account["user"])
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        give(part, account["user"])
        part.replace(path)
    say({"event": Kind.DONE})


def arrived(request: requests.Arrived, account: Account) -> None:
    """Answer with how much of an upload is here, and its SHA-256; more than the whole is no part of it.

    `there`: whether the data set that it is for is there already.
    """
    need_mounted(account)
    path = Path(request["path"])
    make_folder(path.parent, account["user"])
    if not path.exists():
        path.touch()
        give(path, account["user"])
    size = path.stat().st_size
    digest = hashlib.sha256()
    if size <= request["size"]:
        with path.open("rb") as file:
            size = hash_on(digest, file, size)
    room = shutil.disk_usage(path.parent).free
    there = Path(request["goal"]).exists()
    say({"event": Kind.ARRIVED, "size": size, "sha256": digest.hexdigest(), "room": room, "there": there})


def begin(request: requests.Begin, account: Account) -> None:
    """Make the folder that a folder is uploaded into; one that is there already is what the upload begins from."""
    need_mounted(account)
    goal = Path(request["goal"])
    new = goal.with_name(f".{goal.name}.part") / "put"
    about = goal.with_name(f".{goal.name}.json")
    kind = json.loads(about.read_text(encoding="utf-8")).get("order") if about.exists() else ""
    if goal.exists() and kind != "put":
        raise Refused(f"{goal} is there already, and was not uploaded", "give this one another name by --name")
    make_folder(new.parent, account["user"])
    if goal.exists() and not new.exists():
        # Hard links: what is sent replaces a file and never writes into it.
        made = new.with_name("put.new")
        shutil.rmtree(made, ignore_errors=True)
        run_checked("cp", "-al", str(goal), str(made))
        made.rename(new)
    make_folder(new, account["user"])
    say({"event": Kind.BEGUN, "path": str(new)})


def finish(request: requests.Finish, account: Account) -> None:
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
    give(about, account["user"])
    shutil.rmtree(scratch)
    say({"event": Kind.DONE})
