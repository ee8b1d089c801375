"""Files that a client fetches or sends: what a run has written, what a pattern matches, what a synced folder holds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import hash_on, make_folder
from provision.agent.mount import need_mounted
from provision.agent.reply import Refused, say
from provision.agent.runs import folder_of, folders, run_rows
from provision.agent.words import Kind, RunState

if TYPE_CHECKING:
    from typing import Dict, Tuple

    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account

SETTLED = 1
"""Seconds without a change after which a file of a run that goes on counts as whole."""


def files(request: requests.Files, account: Account) -> None:
    """Answer with every file of a run, or of a pattern, and its checksum.

    `watch`: as they appear, until the run has ended; of a pattern, until no run goes on.
    """
    seen: Dict[str, Tuple[int, int]] = {}
    named = re.fullmatch(r"[a-z0-9-]+", request["what"])
    folder = folder_of(account, request["what"]) if named else None
    while True:
        places = [folder] if folder else folders(account)
        going = request["watch"] and any(run["state"] == RunState.RUNNING for run in run_rows(places))
        try:
            found = _of_run(folder) if folder else _matching(request, account)
        except FileNotFoundError:  # a folder went while it was looked through
            continue
        for goal, path in sorted(found.items()):
            # A log grows all the time, and a part says by its name that it is one: they come when the run has ended.
            if going and (goal == "run.log" or path.name.startswith("part.") or path.name.endswith(".part")):
                continue
            with contextlib.suppress(FileNotFoundError):
                state = path.stat()
                key = (state.st_size, state.st_mtime_ns)
                fresh = going and abs(time.time() - state.st_mtime) < SETTLED
                if seen.get(goal) != key and not fresh:
                    seen[goal] = key
                    _tell_file(goal, path, state.st_size, request["parts"].get(goal, 0))
        if not going:
            say({"event": Kind.DONE})
            return
        time.sleep(0.5)


def _tell_file(goal: str, path: Path, size: int, part: int) -> None:
    """Answer with the checksum of a file's first `size` bytes, and of those that the client has in part."""
    digest, prefix, left = hashlib.sha256(), "", size
    with path.open("rb") as file:
        if 0 < part <= size:
            left -= hash_on(digest, file, part)
            prefix = digest.hexdigest()
        hash_on(digest, file, left)
    whole = digest.hexdigest()
    say(
        {
            "event": Kind.FILE,
            "goal": goal,
            "path": str(path),
            "size": size,
            "sha256": whole,
            "part": part,
            "prefix": prefix,
        }
    )


def _of_run(folder: Path) -> Dict[str, Path]:
    """Return the files of a run by their place on the client."""
    results = folder / "results"
    found = {"run.log": folder / "log"}
    for path in results.rglob("*"):
        # A link is followed as far as the results go: `latest.pth` is a file to have, /etc/shadow is not.
        if path.is_file() and results.resolve() in path.resolve().parents:
            found[str(path.relative_to(results))] = path
    return found


def _matching(request: requests.Files, account: Account) -> Dict[str, Path]:
    """Return the files that a pattern matches by their path below the mount point."""
    place = Path(account["mount_point"])
    found = {}
    for path in place.glob(request["what"]):
        for file in path.rglob("*") if path.is_dir() else (path,):
            if file.is_file() and place.resolve() in file.resolve().parents:
                found[str(file.relative_to(place))] = file
    if not found and not request["watch"]:
        raise Refused(f"no file below {place} matches {request['what']}", "see what is there: fab ssh", missing=True)
    return found


def tree(request: requests.Tree, account: Account) -> None:
    """Make a synced folder if there is none, and answer with what is in it: size, time and mode of each file."""
    need_mounted(account)
    top = Path(request["path"])
    make_folder(top, account["user"])
    there: Dict[str, Tuple[int, int, int, str]] = {}
    for folder, names, plain in os.walk(top):
        links = [name for name in names if Path(folder, name).is_symlink()]
        for name in (*plain, *links):
            path = Path(folder, name)
            # A run that works in the folder may delete a file at any moment.
            with contextlib.suppress(FileNotFoundError):
                state = path.lstat()
                link = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115 - pathlib's is 3.9's
                row = (state.st_size, int(state.st_mtime), state.st_mode & 0o7777, link)
                there[str(path.relative_to(top))] = row
    say({"event": Kind.TREE, "files": there, "rsync": bool(shutil.which("rsync"))})
