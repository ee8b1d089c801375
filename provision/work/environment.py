"""A file of environment variables, which may be secrets: no message has a value of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provision.model.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
QUOTES = ("'", '"')
OWN = "GPURIG_"
"""How the names begin that a run gets from gpurig."""
HINT = 'a line is KEY=VALUE, with the value in quotes where it begins or ends with a blank, or holds " #"'


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file of KEY=VALUE lines, each as it is written: nothing in a value is expanded.

    Empty lines and those that begin with # say nothing; `export ` before a name and quotes around a value go. Raises
    `BadInput` with all lines that are wrong.
    """
    try:
        lines = path.expanduser().read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise BadInput([f"--env-file {path}: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise BadInput([f"--env-file {path}: byte {error.start + 1} is no UTF-8"]) from None
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            key, equals, value = line.removeprefix("export ").partition("=")
            what = _wrong(key.strip(), equals, value.strip(), found)
            if what:
                problems.append(f"{path}:{number}: {what}")
            else:
                found[key.strip()] = _unquoted(value.strip())
    if problems:
        raise BadInput(problems, hint=HINT)
    if not found:
        raise BadInput([f"{path} has no KEY=VALUE line"], hint=HINT)
    return found


def _wrong(key: str, equals: str, value: str, found: dict[str, str]) -> str:
    """Return what is wrong with a line, "" for nothing. What is no name is not repeated: it may be a value."""
    quoted = value[:1] in QUOTES
    signs = [
        (not equals, "there is no = in it"),
        (not NAME.fullmatch(key), "what stands before the = is no name: letters, digits and _, the first no digit"),
        (key.startswith(OWN), f"{key}: names that begin with {OWN} are gpurig's own"),
        (key in found, f"{key} has a line already"),
        (
            quoted and (len(value) < 2 or value[-1] != value[0]),
            f"{key}: its value begins with a quote and ends without",
        ),
        (
            not quoted and re.search(r"\s#", value),
            f"{key}: a comment has a line of its own; a value with a # wants quotes",
        ),
        (not value.replace("\t", "").isprintable(), f"{key}: its value holds a character that cannot be printed"),
    ]
    return next((what for holds, what in signs if holds), "")


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in QUOTES else value
