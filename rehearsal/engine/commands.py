"""The verbs that look at stacks and make them."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from typing import TYPE_CHECKING, Any

from rehearsal.engine import lock
from rehearsal.engine.backend import Backend
from rehearsal.engine.checkpoint import read_latest
from rehearsal.engine.cli import ask
from rehearsal.engine.errors import EngineError, StackNotFound, Unsupported, UsageError
from rehearsal.engine.project import Project
from rehearsal.engine.session import Session

if TYPE_CHECKING:
    from rehearsal.engine.cli import Arguments

VERSION = "v3.272.0-standin"


def version(_args: Arguments) -> None:
    """`pulumi version`: the SDK that this engine was written against, marked as not being Pulumi's own CLI."""
    print(VERSION)


def stack(args: Arguments) -> None:
    """`pulumi stack --show-name`: the name of the selected stack, and nothing else of it."""
    if not args.show_name:
        raise Unsupported("`pulumi stack` without --show-name")
    print(Session.open(args.folder, args.stack).names.stack)


def stack_select(args: Arguments) -> None:
    """`pulumi stack select NAME [--create]`."""
    name = args.name or args.stack
    if name is None:
        raise UsageError("name the stack to select: `pulumi stack select NAME`")
    try:
        session = Session.open(args.folder, name)
    except StackNotFound:
        if not args.create:
            raise
        session = Session.create(args.folder, name)
    session.backend.select(session.names.stack)


def stack_init(args: Arguments) -> None:
    """`pulumi stack init NAME`."""
    session = Session.create(args.folder, args.name)
    session.backend.select(session.names.stack)
    print(f"Created stack '{session.names.stack}'")


def stack_ls(args: Arguments) -> None:
    """`pulumi stack ls`."""
    project = Project.find(args.folder)
    backend = Backend.of(project)
    selected = os.environ.get("PULUMI_STACK") or backend.selected()
    states = {name: read_latest(backend.state_file(name)) for name in backend.stacks()}
    if args.json:
        print(
            json.dumps([_summary(name, latest, current=name == selected) for name, latest in states.items()], indent=2)
        )
        return
    rows = [("NAME", "LAST UPDATE", "RESOURCE COUNT")]
    for name, latest in states.items():
        when = (latest.get("manifest") or {}).get("time", "")
        count = len(latest.get("resources") or [])
        rows.append((name + "*" * (name == selected), when, str(count)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _summary(name: str, latest: dict[str, Any], *, current: bool) -> dict[str, Any]:
    """Give a stack as `--json` has it (`stackSummaryJSON` in pulumi's stack_ls.go, of a backend that is a folder)."""
    when = (latest.get("manifest") or {}).get("time")
    updated = {"lastUpdate": dt.datetime.fromisoformat(when).strftime("%Y-%m-%dT%H:%M:%S.000Z")} if when else {}
    return {"name": name, "current": current, **updated, "resourceCount": len(latest.get("resources") or [])}


def stack_rm(args: Arguments) -> None:
    """`pulumi stack rm [NAME]`: forget a stack that has no resources left."""
    session = Session.open(args.folder, args.name or args.stack)
    stack = session.names.stack
    if not args.yes and not (args.interactive and _confirmed(stack)):
        raise UsageError("--yes must be passed in to proceed when running in non-interactive mode")
    with session.locked():
        if read_latest(session.state_file).get("resources"):
            raise EngineError(
                f"'{stack}' still has resources; removal rejected. Possible actions:\n"
                f"- Make sure that '{stack}' is the stack that you want to destroy\n"
                "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`"
            )
        session.state_file.unlink()
        session.settings.file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # where others keep locks beside ours, the folder stays
        session.backend.lock_folder(stack).rmdir()
    if session.backend.selected() == stack:
        session.backend.select(None)
    print(f"Stack '{stack}' has been removed!")


def _confirmed(stack: str) -> bool:
    if ask(f"This will permanently remove the '{stack}' stack!\nPlease confirm by typing its name: ") != stack:
        raise EngineError("confirmation declined")
    return True


def cancel(args: Arguments) -> None:
    """`pulumi cancel`: release the lock of an update that was killed."""
    session = Session.open(args.folder, args.name or args.stack)
    lock.cancel(session.backend.lock_folder(session.names.stack))
    print(f"The currently running update for '{session.names.stack}' has been canceled!")
