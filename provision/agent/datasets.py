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

from provision.agent.accounts import as_account, hash_on, open_plain, words_as, write_private
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
        with as_account(account["user"]):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            write_private(Path(name), text)
    say({"event": Kind.DONE})


def arrived(request: requests.Arrived, account: Account) -> None:
    """Answer with how much of an upload is here, and its SHA-256; more than the whole is no part of it.

    `there`: whether the data set that it is for is there already.
    """
    need_mounted(account)
    path, digest = Path(request["path"]), hashlib.sha256()
    with as_account(account["user"]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= request["size"]:
                size = hash_on(digest, file, size)
        room = shutil.disk_usage(path.parent).free
        there = Path(request["goal"]).exists()
    say({"event": Kind.ARRIVED, "size": size, "sha256": digest.hexdigest(), "room": room, "there": there})


def begin(request: requests.Begin, account: Account) -> None:
    """Make the folder that a folder is uploaded into; one that is there already is what the upload begins from."""
    need_mounted(account)
    goal = Path(request["goal"])
    new = goal.with_name(f".{goal.name}.part") / "put"
    made = new.with_name("put.new")
    with as_account(account["user"]):
        there = goal.exists()
        if there and _made_by(goal) != "put":
            raise Refused(f"{goal} is there already, and was not uploaded", "give this one another name by --name")
        new.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(made, ignore_errors=True)
        there = there and not new.exists()
    if there:
        # Hard links: what is sent replaces a file and never writes into it.
        run_checked(*words_as(account["user"]), "cp", "-al", str(goal), str(made))
    with as_account(account["user"]):
        if there:
            made.rename(new)
        new.mkdir(exist_ok=True)
    say({"event": Kind.BEGUN, "path": str(new)})


def _made_by(goal: Path) -> str:
    """Return what a data set's record says that it was made by, "" where there is none."""
    try:
        with open_plain(goal.with_name(f".{goal.name}.json")) as file:
            return str(json.loads(file.read()).get("order"))
    except FileNotFoundError:
        return ""


def finish(request: requests.Finish, account: Account) -> None:
    """Give an uploaded folder its name; what had it before goes."""
    goal = Path(request["goal"])
    scratch = goal.with_name(f".{goal.name}.part")
    new, old = scratch / "put", scratch / "old"
    with as_account(account["user"]):
        if not new.is_dir():
            raise Refused(f"{new} is gone", "the same command sends it again")
        # A power cut must not leave names without bytes.
        os.sync()
        if goal.exists():
            shutil.rmtree(old, ignore_errors=True)  # what a power cut left between these two lines and the end
            goal.rename(old)
        new.rename(goal)
        write_private(goal.with_name(f".{goal.name}.json"), json.dumps({"order": "put", "at": request["at"]}) + "\n")
        shutil.rmtree(scratch)
    say({"event": Kind.DONE})
