"""`pulumi config`: the settings of a stack, listed, read and changed."""

from __future__ import annotations

import getpass
import json
import re
import sys
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError
from rehearsal.engine.paths import parse
from rehearsal.engine.project import full_key
from rehearsal.engine.session import Session
from rehearsal.engine.settings import as_text, decrypted, is_secret

if TYPE_CHECKING:
    from rehearsal.engine.cli import Arguments


def show(args: Arguments) -> None:
    """`pulumi config`: list what the program will see."""
    session = Session.open(args.folder, args.stack)
    settings = session.settings
    values = sorted(settings.values().items())
    if args.json:
        print(json.dumps({key: _described(session, value, shown=args.show_secrets) for key, value in values}, indent=2))
        return
    rows = [("KEY", "VALUE"), *((settings.short(key), _shown(session, v, args.show_secrets)) for key, v in values)]
    width = max(len(key) for key, _ in rows)
    for key, value in rows:
        print(f"{key:<{width}}  {value}")


def _shown(session: Session, value: Any, shown: bool) -> str:
    return as_text(decrypted(value, session.crypter.decrypt if shown else lambda _: "[secret]"))


def _described(session: Session, value: Any, *, shown: bool) -> dict[str, Any]:
    secret = is_secret(value)
    text = _shown(session, value, shown)
    described = {"value": text} if shown or not secret else {}
    if not secret and not isinstance(value, str):
        described["objectValue"] = value
    return {**described, "secret": secret}


def get(args: Arguments) -> None:
    """`pulumi config get KEY`: print one value, in clear."""
    session = Session.open(args.folder, args.stack)
    key, inner = _key(session, args)
    value = session.settings.values().get(key)
    for part in inner:
        value = _inside(value, part)
    if value is None:
        raise EngineError(f"configuration key '{args.key}' not found for stack '{session.names.stack}'")
    print(_shown(session, value, shown=is_secret(value)))


def set_value(args: Arguments) -> None:
    """`pulumi config set KEY [VALUE]`: VALUE may come by standard input."""
    session = Session.open(args.folder, args.stack)
    key, inner = _key(session, args)
    text = args.value if args.value is not None else _read(secret=args.secret)
    value: Any = {"secure": session.crypter.encrypt(text)} if args.secret else text
    if inner:
        value = value if args.secret else _typed(text)
        value = _with(session.settings.own().get(key), inner, value)
    session.settings.set(key, value)


def remove(args: Arguments) -> None:
    """`pulumi config rm KEY`."""
    session = Session.open(args.folder, args.stack)
    key, inner = _key(session, args)
    own = session.settings.own().get(key)
    if own is None:
        return
    if inner:
        session.settings.set(key, _without(own, inner))
    else:
        session.settings.remove(key)


def _key(session: Session, args: Arguments) -> tuple[str, tuple[str | int, ...]]:
    """Give the full key, and with `--path` the way into its value."""
    if not args.path:
        return full_key(session.project.name, args.key), ()
    try:
        first, *inner = parse(args.key)
    except ValueError as error:
        raise EngineError(str(error)) from error
    return full_key(session.project.name, str(first)), tuple(inner)


def _read(*, secret: bool) -> str:
    if sys.stdin.isatty():
        return getpass.getpass("value: ") if secret else input("value: ")
    return sys.stdin.read().removesuffix("\n")


def _typed(text: str) -> Any:
    """Inside of an object, Pulumi takes these words for what they look like."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d*)", text) else text


def _inside(holder: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return holder[part] if isinstance(holder, list) and part < len(holder) else None
    return holder.get(part) if isinstance(holder, dict) else None


def _with(holder: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """Give the holder with the value at the path, making objects and arrays on the way."""
    if not path:
        return value
    part = path[0]
    changed = _with(_inside(holder, part), path[1:], value)
    if isinstance(part, str):
        return {**(holder if isinstance(holder, dict) else {}), part: changed}
    items = list(holder) if isinstance(holder, list) else []
    if part > len(items):
        raise EngineError(f"the index [{part}] lies beyond the end of the array, which has {len(items)} elements")
    return [*items[:part], changed, *items[part + 1 :]]


def _without(holder: Any, path: tuple[str | int, ...]) -> Any:
    part = path[0]
    if _inside(holder, part) is None:
        return holder
    if len(path) > 1:
        return _with(holder, (part,), _without(_inside(holder, part), path[1:]))
    if isinstance(holder, dict):
        return {key: value for key, value in holder.items() if key != part}
    return [value for index, value in enumerate(holder) if index != part]
