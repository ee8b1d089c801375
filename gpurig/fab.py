"""`fab`: Fabric's own program, once those of its options that are numbers are some, and once there are tasks.

Fabric reads its options before it loads a fabfile, and ends in a traceback where one that has to be a number is none.
`make setup` copies this file into .venv; a wheel installs it as it is, and then it has gpurig's tasks in any folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fabric.main import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROJECT = Path(__file__).with_name("files") / "project"
"""Where a wheel has the fabfile of a project; in a checkout there is no such folder."""


def refusal(words: Sequence[str], arguments: Sequence[Any]) -> str:
    """Return what is wrong with the numbers among the words before the first task, "" where nothing is."""
    named = _named(arguments)
    for flag, value in _values(words, named):
        if named[flag].kind is int and not (value.isascii() and value.isdecimal()):
            what = f"{flag} takes a whole number, and has {value!r}: {named[flag].help}"
            return f"error: {what}\n       fab --help shows the options that come before a task"
    return ""


def _named(arguments: Sequence[Any]) -> dict[str, Any]:
    """Return flag → what Fabric knows of it."""
    return {("-" if len(name) == 1 else "--") + name: argument for argument in arguments for name in argument.names}


def _values(words: Sequence[str], named: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options that take a value, up to the first task, each with its value."""
    left = iter(words)
    for word in left:
        if not word.startswith("-") or word == "--":
            return
        flag, given, value = word.partition("=")
        if not given and not word.startswith("--") and len(word) > 2:
            flag, given, value = word[:2], "=", word[2:]
        if flag in named and named[flag].takes_value:
            yield flag, value if given else next(left, "")


def tasks(words: Sequence[str], arguments: Sequence[Any], project: Path = PROJECT) -> list[str]:
    """Return the options that lead Fabric to gpurig's tasks: none where it finds a fabfile, or is told one."""
    named = _named(arguments)
    told = any({"search-root", "collection"} & {*named[flag].names} for flag, _ in _values(words, named))
    here = Path.cwd()
    found = any((folder / name).exists() for folder in (here, *here.parents) for name in ("fabfile.py", "fabfile"))
    return [] if told or found or not (project / "fabfile.py").is_file() else ["--search-root", str(project)]


def main() -> None:
    """Check the words, then have Fabric do what they say."""
    words, arguments = sys.argv[1:], list(program.initial_context.args.values())
    if problem := refusal(words, arguments):
        print(problem, file=sys.stderr)
        sys.exit(2)
    sys.exit(program.run([sys.argv[0], *tasks(words, arguments), *words]))


if __name__ == "__main__":
    main()
