"""`fab dataset-put`: send a data set from this machine: a folder as it is, or an archive, which is unpacked there."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.model.errors import BadInput
from provision.tasks.datasets import check_name, check_unpacked, job_of, letters, name_from, work
from provision.tasks.verb import verb
from provision.work.sync import send
from provision.work.upload import upload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.tasks.datasets import Job
    from provision.transport.session import Session

OPTIONS = {
    "path": "a folder, or one file: an archive is unpacked on the host",
    "name": "the data set's name; the folder's or the file's own where not given",
    "names": "in which letters the names in an archive are that does not say so: cp866, cp932, …",
    "keep": "keep an archive as it is, instead of unpacking it",
}
STOPPED = "stopped; what has arrived stays there, and the same command sends the rest"
SHOWN = 5
"""Links that lead out of a folder, by name."""


@verb(options=OPTIONS, short_options=False, stopped=STOPPED)
def dataset_put(c: Context, path: str, *, name: str = "", names: str = "", keep: bool = False) -> None:
    """Send a data set (fab dataset-put FOLDER, or FILE) to the job volume of every host."""
    here = Path(path).expanduser()
    if not here.exists():
        raise BadInput([f"{here}: there is no such folder or file"])
    name = name or (name_from(here.resolve().name) if here.is_file() else here.resolve().name)
    check_name(name)
    how = {"unpack": not keep, "names": letters(names)}
    if here.is_file():
        check_unpacked(here.name, keep=keep)
        work(c, lambda session, place, out: _file(session, place, out, here, name, how))
        return
    paths = _paths(here)
    c.each_session(lambda session, out: _folder(session, here, paths, name, out))


def _paths(folder: Path) -> list[str]:
    """Return the paths of a folder's files and links. Raises `BadInput` for what must not be sent, or leads nowhere."""
    if Path.home().resolve().is_relative_to(folder.resolve()):
        raise BadInput([f"{folder} holds your home folder; name the folder of one data set"])
    paths = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    if not paths:
        raise BadInput([f"there is no file in {folder} to send"])
    top = folder.resolve()
    out = [path for path in paths if path.is_symlink() and not path.resolve().is_relative_to(top)]
    if out:
        more = f", and {len(out) - SHOWN} more" if len(out) > SHOWN else ""
        shown = ", ".join(str(path) for path in out[:SHOWN])
        raise BadInput([f"links that lead out of {folder} lead nowhere on a host: {shown}{more}"])
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def _folder(session: Session, folder: Path, paths: list[str], name: str, out: View) -> None:
    """Send a folder, and give it its name once it is whole; of one that was sent before, what has changed."""
    goal = session.mount_point / "datasets" / name
    began = session.answer({"verb": Verb.BEGIN, "goal": str(goal)}, answers.Begun)
    sent = send(session, folder, began["path"], paths, out, deletes=lambda extra: extra)
    at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    session.answer({"verb": Verb.FINISH, "goal": str(goal), "at": at}, answers.Done)
    out.line(f"{goal} is whole: {sent}")


def _file(session: Session, place: PurePosixPath, out: View, path: Path, name: str, how: Mapping[str, Any]) -> Job:
    """Send a file to where the program that unpacks takes it from; returns that job."""
    files = place / f".{name}.part" / "files"
    digest = upload(session, path, str(files / path.name), str(place / name), out)
    size = path.stat().st_size
    journal = f"{json.dumps([path.name, size, digest, ''])}\n0 {size}\n"
    order: dict[str, Any] = {
        "name": name,
        "urls": [f"put:{digest}/{path.name}"],
        "headers": {},
        "sums": None,
        **how,
        "frugal": False,
        "parallel": 1,
        "endpoint": "",
    }
    job = job_of(order, place, ["dataset-put", str(path)])
    return dataclasses.replace(job, files={**job.files, str(files / f"{path.name}.have"): journal})
