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

from provision.agent.accounts import as_account, hash_on
from provision.agent.mount import need_mounted
from provision.agent.records import folder_of, folders
from provision.agent.reply import Refused, say
from provision.agent.runs import run_rows
from provision.agent.start import ENV
from provision.agent.words import Kind, RunState

if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Tuple

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
        going = request["watch"] and any(run["state"] == RunState.RUNNING for run in run_rows(places, account))
        with as_account(account["user"]):
            try:
                found = _of_run(folder) if folder else _matching(request, account)
            except FileNotFoundError:  # a folder went while it was looked through
                continue
            for goal, path in sorted(found.items()):
                # A log grows all the time, and a part says by its name that it is one: they come when it has ended.
                if going and (goal == "run.log" or path.name.startswith("part.") or path.name.endswith(".part")):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    size, changed = key = _state(path)
                    fresh = going and abs(time.time() - changed / 1e9) < SETTLED
                    if seen.get(goal) != key and not fresh:
                        seen[goal] = key
                        _tell_file(goal, path, size, request["parts"].get(goal, 0))
        if not going:
            say({"event": Kind.DONE})
            return
        time.sleep(0.5)


def _state(path: Path) -> Tuple[int, int]:
    """Return a file's size and when it was changed, in nanoseconds; zeros where the account may not know."""
    try:
        state = path.stat()
    except PermissionError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _tell_file(goal: str, path: Path, size: int, part: int) -> None:
    """Answer with the checksum of a file's first `size` bytes, and of those that the client has in part.

    There is none ("") of what the account may not read: the client asks for it as that account, and is told so.
    """
    digest, prefix, left = hashlib.sha256(), "", size
    try:
        with path.open("rb") as file:
            if 0 < part <= size:
                left -= hash_on(digest, file, part)
                prefix = digest.hexdigest()
            hash_on(digest, file, left)
        whole = digest.hexdigest()
    except PermissionError:
        whole = ""
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
    for path in _files_below(results):
        # A link is followed as far as the results go: `latest.pth` is a file to have, /etc/passwd is not.
        if results.resolve() in path.resolve().parents:
            found[str(path.relative_to(results))] = path
    return found


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, and those folders that the account may not look into: they are told of too."""
    denied: List[Path] = []

    def hear(error: OSError) -> None:
        if isinstance(error, PermissionError) and Path(error.filename) != folder:
            denied.append(Path(error.filename))
        elif not isinstance(error, FileNotFoundError):  # it went while it was looked through
            raise error

    for top, _, names in os.walk(folder, onerror=hear):
        yield from (path for path in (Path(top, name) for name in names) if _is_file(path))
    yield from denied


def _is_file(path: Path) -> bool:
    """Return whether it is a file, or a link to one that the account may know of."""
    try:
        return path.is_file()
    except PermissionError:
        return not path.is_symlink()


def _matching(request: requests.Files, account: Account) -> Dict[str, Path]:
    """Return the files that a pattern matches by their path below the mount point."""
    place = Path(account["mount_point"])
    found = {}
    for path in place.glob(request["what"]):
        for file in _files_below(path) if path.is_dir() else filter(_is_file, [path]):
            inside = place.resolve() in file.resolve().parents
            if inside and not (file.name == ENV and file.parent.parent == place / "runs"):
                found[str(file.relative_to(place))] = file
    if not found and not request["watch"]:
        raise Refused(f"no file below {place} matches {request['what']}", "see what is there: fab ssh", missing=True)
    return found


def tree(request: requests.Tree, account: Account) -> None:
    """Make a synced folder if there is none, and answer with what is in it: size, time and mode of each file."""
    need_mounted(account)
    user = account["user"]
    with as_account(user):
        there = _tree(Path(request["path"]), user)
    say({"event": Kind.TREE, "files": there, "rsync": bool(shutil.which("rsync"))})


def _tree(top: Path, user: str) -> Dict[str, Tuple[int, int, int, str]]:
    def hear(error: OSError) -> None:
        if isinstance(error, PermissionError):
            way = f"on the host: sudo chown -R {user}: {top}; then the same command"
            raise Refused(f"{error.filename} cannot be looked into by {user}", way)

    top.mkdir(parents=True, exist_ok=True)
    there: Dict[str, Tuple[int, int, int, str]] = {}
    for folder, names, plain in os.walk(top, onerror=hear):
        links = [name for name in names if Path(folder, name).is_symlink()]
        for name in (*plain, *links):
            path = Path(folder, name)
            # A run that works in the folder may delete a file at any moment.
            with contextlib.suppress(FileNotFoundError):
                state = path.lstat()
                link = os.readlink(path) if path.is_symlink() else ""  # noqa: PTH115 - pathlib's is 3.9's
                row = (state.st_size, int(state.st_mtime), state.st_mode & 0o7777, link)
                there[str(path.relative_to(top))] = row
    return there
