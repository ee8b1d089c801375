"""A run that was cut off by the end of its box is started again: in its own folder, so that it finds what it had."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from provision.agent.accounts import as_account
from provision.agent.files import lock
from provision.agent.mount import need_mounted
from provision.agent.notice import need_future, note
from provision.agent.records import folder_of, run_file, write_run_file
from provision.agent.reply import Refused, say
from provision.agent.runs import LOCK, active, run_row
from provision.agent.start import NO_END, start_service
from provision.agent.steps import mark_of
from provision.agent.words import Kind

if TYPE_CHECKING:
    from provision.agent.wire import requests
    from provision.agent.wire.documents import Account, RunFile, RunRow


def resume(request: requests.Resume, account: Account) -> None:
    """Start a run again that was cut off, and answer with it; one that goes on, or has ended, is left as it is."""
    need_mounted(account)
    folder = folder_of(account, request["name"])
    with lock(LOCK):
        need_future()
        row = _row(folder, account)
        if row["resumable"]:
            _need_place(row, account)
            _begin_again(row, folder, account)
            row = _row(folder, account)
    say({"event": Kind.RUN, **row})


def _row(folder: Path, account: Account) -> RunRow:
    return run_row(folder, account, up=active([folder.name])[folder.name])


def _need_place(row: RunRow, account: Account) -> None:
    """Refuse a run whose recipe or folder is not on this box: a new one has a new root disk."""
    recipe, folder = row["recipe"], Path(row["folder"])
    if recipe and mark_of(recipe) is None:
        raise Refused(f'{row["name"]} needs recipe "{recipe}", which is not on this box', f"fab setup-{recipe}")
    with as_account(account["user"]):
        # What stands in the record becomes a line of a unit.
        there = str(folder).isprintable() and folder.is_dir()
    if not there:
        kept = Path(account["mount_point"]) in folder.parents
        why = "it is gone" if kept else "it was on the root disk, and went with its box"
        way = "make it again on the box (fab ssh); a synced folder (fab sync) is on the job volume, and stays"
        raise Refused(f"{row['name']} ran in {folder}, and that is not there: {why}", way)


def _begin_again(row: RunRow, folder: Path, account: Account) -> None:
    """Start a run's service once more; its log and its results go on where they are."""
    before = run_file(folder, account)
    kept = {key: value for key, value in before.items() if key != "interrupted"}
    about = cast("RunFile", {**kept, "resumed": [*before.get("resumed", []), round(time.time(), 3)]})
    with as_account(account["user"]):
        with contextlib.suppress(OSError):
            note(folder / "log", f"{row['why']}; started again on {socket.gethostname()}")
        (folder / "end").write_text(NO_END, encoding="utf-8")
    write_run_file(folder, about, account)
    try:
        start_service(about, folder, account)
    except OSError:
        # It may be started again once what is in the way is gone.
        write_run_file(folder, before, account)
        raise
