"""Whether a request is one that this program answers: it comes over a wire, from whatever is at its other end.

`FIELDS` says of each verb what `wire.requests` says in types, which do not travel, and what values may be beyond that.
"""

from __future__ import annotations

import json
import math
import os
import pwd
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from provision.agent.reply import Refused
from provision.agent.steps import open_bundle
from provision.agent.verbs import Verb

if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Mapping, Tuple

    Check = Tuple[str, Callable[[Any], bool]]
    """What a value has to be, in words, and whether one is."""

LARGEST = 2**53
"""Of a number: JSON's own that every reader takes as it is."""
LAST_MOMENT = 2**33
"""Seconds of UTC: the year 2242."""
LONGEST = 3600
"""Seconds between two samples."""


def _encodes(value: object, errors: str = "strict") -> bool:
    try:
        return isinstance(value, str) and "\0" not in value and value.encode("utf-8", errors) is not None
    except UnicodeEncodeError:
        return False


def _matches(pattern: str, allowed: str) -> Check:
    return allowed, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _between(least: float, most: float, allowed: str, *, whole: bool) -> Check:
    def holds(value: object) -> bool:
        kinds = (int,) if whole else (int, float)
        return type(value) in kinds and math.isfinite(value) and least <= value <= most  # type: ignore[arg-type, operator]

    return allowed, holds


def _list_of(check: Check) -> Check:
    return f"a list, each {check[0]}", lambda value: isinstance(value, list) and all(map(check[1], value))


def _table_of(keys: Check, values: Check) -> Check:
    def holds(value: object) -> bool:
        return isinstance(value, dict) and all(keys[1](key) and values[1](inner) for key, inner in value.items())

    return f"a table of {keys[0]} and {values[0]}", holds


def _document(allowed: str, **keys: Check) -> Check:
    def holds(value: object) -> bool:
        return isinstance(value, dict) and all(key in value and check[1](value[key]) for key, check in keys.items())

    return allowed, holds


def _or_empty(check: Check) -> Check:
    return f'{check[0]}, or ""', lambda value: value == "" or check[1](value)


def _or_none(check: Check) -> Check:
    return f"{check[0]}, or null", lambda value: value is None or check[1](value)


def _is_below(value: object) -> bool:
    return _encodes(value, "surrogateescape") and _stays(PurePosixPath(str(value)))


def _stays(path: PurePosixPath) -> bool:
    return not path.is_absolute() and ".." not in path.parts


def _is_pattern(value: object) -> bool:
    words = PurePosixPath(str(value)).parts
    return _is_below(value) and bool(words) and all("**" not in word or word == "**" for word in words)


def _is_bundle(value: object) -> bool:
    """Return whether it is a bundle's text; of one that was damaged on its way `steps.open_bundle` says so itself."""
    if not isinstance(value, str):
        return False
    try:
        found: Any = open_bundle(value)
    except OSError:
        return True
    except RecursionError:
        return False
    whole = {"name": str, "lib": str, "digest": str}
    each = {"name": str, "version": str, "install": str, "verify": str, "digest": str, "files": list, "env": dict}
    steps = found.get("steps")
    return _has(found, whole) and isinstance(steps, list) and all(_has(step, each) for step in steps)


def _has(found: object, kinds: Mapping[str, Any]) -> bool:
    return isinstance(found, dict) and all(isinstance(found.get(key), kind) for key, kind in kinds.items())


TEXT: Check = ("text", _encodes)
WORDS: Check = ("text on one line", lambda value: _encodes(value) and "\n" not in value and "\r" not in value)
FLAG: Check = ("true or false", lambda value: isinstance(value, bool))
COUNT = _between(0, LARGEST, "a whole number, zero or more", whole=True)
POSITION = _between(-1, LARGEST, "a whole number, -1 or more", whole=True)
MOMENT = _or_none(_between(0, LAST_MOMENT, "seconds of UTC", whole=False))
PLACE: Check = ("a path", lambda value: _encodes(value, "surrogateescape"))
BELOW: Check = ('a path without ".." that does not begin with "/"', _is_below)
RUN = _matches(r"[a-z0-9][a-z0-9-]{0,47}", "the name of a run")
RECIPE = _matches(r"[a-z][a-z0-9-]{0,30}", "the name of a recipe")
FOLDER: Check = ("the name of a folder", lambda value: _is_below(value) and len(PurePosixPath(value).parts) == 1)
VARIABLE = _matches(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name")
UNIT = _matches(r"[A-Za-z0-9][A-Za-z0-9@._:\\-]*", "the name of a service")
SOURCE = _matches(r"vol-[a-z0-9-]{1,63}", "the id of a volume")
SNAPSHOT = _matches(r"snap-[a-z0-9-]{1,63}", "the id of a snapshot")
EXPORT: Check = (
    "a variable and its value",
    lambda value: isinstance(value, list) and len(value) == 2 and VARIABLE[1](value[0]) and TEXT[1](value[1]),
)
_LINK = _matches(r"https?://[!-~]{1,8000}", "a link")
LENT = _document("a kept build that is lent", digest=TEXT, signature=TEXT, links=_table_of(TEXT, _LINK))
PUT = _document("a link with headers", url=_LINK, headers=_table_of(WORDS, WORDS))
_RESTORE = {"source": SOURCE, "snapshot": SNAPSHOT, "path": BELOW, "in_place": FLAG}

FIELDS: Dict[Verb, Dict[str, Check]] = {
    Verb.APPLY: {
        "bundle": ("a bundle", _is_bundle),
        "fresh": FLAG,
        "builders": _list_of(WORDS),
        "builds": _or_none(_table_of(TEXT, LENT)),
    },
    Verb.PLAN: {"bundle": ("a bundle", _is_bundle)},
    Verb.FOLLOW: {"run": TEXT, "offset": COUNT, "positions": _table_of(RECIPE, COUNT)},
    **{verb: {} for verb in (Verb.STATUS, Verb.FACTS, Verb.RUNS, Verb.VOLUME, Verb.SYNC)},
    Verb.WATCH: {"leave_early": FLAG},
    Verb.OVERVIEW: {"units": _list_of(UNIT)},
    Verb.JOURNAL: {"lines": COUNT, "logs": COUNT},
    Verb.GUARD: {"awake_until": MOMENT, "lifetime_until": MOMENT},
    Verb.START: {
        "command": TEXT,
        "name": _or_empty(RUN),
        "recipe": _or_empty(RECIPE),
        "folder": WORDS,
        "beside": _or_empty(FOLDER),
        "exports": _list_of(EXPORT),
        "env": _table_of(VARIABLE, TEXT),
        "asked": ("text", PLACE[1]),
        "resume": TEXT,
        "once": FLAG,
    },
    Verb.RESUME: {"name": TEXT},
    Verb.STOP: {"name": TEXT},
    Verb.LOG: {"name": TEXT, "position": POSITION, "lines": COUNT, "follow": FLAG},
    Verb.FILES: {
        "what": ("a run's name, or a pattern of paths below the mount point", _is_pattern),
        "watch": FLAG,
        "parts": _table_of(PLACE, COUNT),
    },
    Verb.TREE: {"path": PLACE},
    Verb.ORDER: {"files": _table_of(PLACE, TEXT)},
    Verb.ARRIVED: {"path": PLACE, "size": COUNT, "goal": PLACE},
    Verb.BEGIN: {"goal": PLACE},
    Verb.FINISH: {"goal": PLACE, "at": TEXT},
    Verb.GROW: {"bytes": COUNT},
    Verb.RELEASE: {"source": SOURCE},
    Verb.CHECK: {**_RESTORE, "source": _or_empty(SOURCE)},
    Verb.RESTORE: _RESTORE,
    Verb.SAMPLE: {"seconds": _between(0.1, LONGEST, "seconds, 0.1 to 3600", whole=False), "times": COUNT},
    Verb.SEAL: {"signatures": _table_of(TEXT, TEXT), "shares": FLAG},
    Verb.SHARE: {"entries": _table_of(TEXT, _table_of(TEXT, PUT))},
}
PLACES = {
    Verb.TREE: ("path",),
    Verb.ORDER: ("files",),
    Verb.ARRIVED: ("path", "goal"),
    Verb.BEGIN: ("goal",),
    Verb.FINISH: ("goal",),
}
"""Fields with paths (a path, or a table's keys) that have to be below the mount point."""
BOTH_SIDES = (
    "the programs of both sides may be of different versions: the same command again brings this one up to date"
)


def verb_of(whole: Any) -> Verb:
    """Return the verb of a request that can be answered. Raises `Refused` with the key that is wrong."""
    request: Any = whole.get("request") if isinstance(whole, dict) else None
    word = request.get("verb") if isinstance(request, dict) else None
    if not isinstance(word, str) or word not in [verb.value for verb in Verb]:
        raise Refused(f"this box answers no request of the verb {json.dumps(word)[:100]}", BOTH_SIDES)
    verb = Verb(word)
    for key, (allowed, holds) in FIELDS[verb].items():
        if key not in request or not holds(request[key]):
            raise Refused(f'the request "{word}" has no {key} that is {allowed}', BOTH_SIDES)
    return verb


def need_account(whole: Any, verb: Verb) -> None:
    """Refuse a request for an account that is not here, and paths that are not below its mount point."""
    account = whole.get("account")
    wanted = {"user": TEXT, "mount_point": PLACE, "volume_id": _or_empty(SOURCE)}
    if not isinstance(account, dict) or not all(holds(account.get(key)) for key, (_, holds) in wanted.items()):
        raise Refused("the request says for which account, mount point and volume it is, and one of them is none")
    mount = PurePosixPath(account["mount_point"])
    if not mount.is_absolute() or not _stays(mount.relative_to("/")):
        raise Refused(f"the mount point {mount} is no absolute path")
    try:
        pwd.getpwnam(account["user"])
    except KeyError:
        raise Refused(f"there is no account {account['user']} on this host", "who logs in by SSH has one") from None
    for key in PLACES.get(verb, ()):
        paths = whole["request"][key]
        for path in map(PurePosixPath, paths if isinstance(paths, dict) else [paths]):
            if mount not in path.parents or ".." in path.parts:
                raise Refused(f"{os.fspath(path)} is not below {mount}, and nothing is done anywhere else", BOTH_SIDES)
