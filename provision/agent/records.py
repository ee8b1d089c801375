"""The folders of runs and what is written down in them, `run.json`: the account's own, and read and written as that.

Whatever runs on the box may have changed them: what is root's to decide, such as who a run is, is not taken from here.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.accounts import as_account, open_plain, write_private
from provision.agent.notice import need_future
from provision.agent.reply import Refused

if TYPE_CHECKING:
    from typing import List

    from provision.agent.wire.documents import Account, RunFile

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
"""What a run can be called, as `provision.work.runs` has it: a folder of another name is none."""


def folders(account: Account) -> List[Path]:
    """Return the folders of all runs, the newest first. One whose record cannot be read is none."""
    since = {}
    with as_account(account["user"]):
        for path in Path(account["mount_point"], "runs").glob("*/run.json"):
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                if NAME.fullmatch(path.parent.name):
                    since[path.parent] = 0.0 + _read(path)["since"]
    return sorted(since, key=since.__getitem__, reverse=True)


def folder_of(account: Account, name: str) -> Path:
    """Return the folder of a run that is there."""
    there = folders(account)
    for folder in there:
        if folder.name == name:
            return folder
    need_future()  # the runs are on the volume, and that may have been let go of
    names = ", ".join(folder.name for folder in there[:10]) or "none"
    raise Refused(f'there is no run "{name}"', f"there are: {names}", missing=True)


def run_file(folder: Path, account: Account) -> RunFile:
    """Return what was asked for when a run was started."""
    with as_account(account["user"]):
        return _read(folder / "run.json")


def write_run_file(folder: Path, about: RunFile, account: Account) -> None:
    """Replace a run's record."""
    with as_account(account["user"]):
        write_private(folder / "run.json", json.dumps(about))


def _read(path: Path) -> RunFile:
    with open_plain(path) as file:
        asked: RunFile = json.loads(file.read())
    return asked
