"""`pulumi config`: the settings of a stack, read and changed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError
from rehearsal.engine.paths import parse
from rehearsal.engine.project import full_key
from rehearsal.engine.session import Session
from rehearsal.engine.settings import as_text

if TYPE_CHECKING:
    from rehearsal.engine.cli import Arguments


def show(args: Arguments) -> None:
    """`pulumi config`: print all values, those that the project gives by default too."""
    session = Session.open(args.folder, args.stack)
    values = dict(sorted(session.settings.values().items()))
    if args.json:
        print(json.dumps({key: _row(value) for key, value in values.items()}, indent=2, ensure_ascii=False))
        return
    rows = [("KEY", "VALUE"), *((session.settings.short(key), as_text(value)) for key, value in values.items())]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}".rstrip())


def _row(value: Any) -> dict[str, Any]:
    """Return a value as `--json` has it: always its text, and what an object or a list holds beside that."""
    if isinstance(value, dict) and "secure" in value:
        return {"secret": True}
    held = {"objectValue": value} if isinstance(value, dict | list) else {}
    return {"value": as_text(value), **held, "secret": False}


def get(args: Arguments) -> None:
    """`pulumi config get KEY`: print one value."""
    session = Session.open(args.folder, args.stack)
    value = session.settings.values().get(full_key(session.project.name, args.key))
    if value is None:
        raise EngineError(f"configuration key '{args.key}' not found for stack '{session.names.stack}'")
    print(as_text(value))


def set_value(args: Arguments) -> None:
    """`pulumi config set KEY VALUE`; with `--path`, KEY leads into an object or an array."""
    session = Session.open(args.folder, args.stack)
    try:
        first, *inner = parse(args.key) if args.path else [args.key]
    except ValueError as error:
        raise EngineError(str(error)) from error
    key = full_key(session.project.name, str(first))
    session.settings.set(("config", key, *inner), _typed(args.value) if inner else args.value)


def remove(args: Arguments) -> None:
    """`pulumi config rm KEY`."""
    session = Session.open(args.folder, args.stack)
    session.settings.remove(full_key(session.project.name, args.key))


def _typed(text: str) -> Any:
    """Inside of an object, Pulumi takes these words for what they look like."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d*)", text) else text
