"""`fab`, as `make setup` puts it into .venv: Fabric's own program, once those of its options that are numbers are some.

Fabric reads those before it loads a fabfile, and ends in a traceback where one of them is no number.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fabric.main import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def refusal(words: Sequence[str], arguments: Sequence[Any]) -> str:
    """Return what is wrong with the numbers among the words before the first task, "" where nothing is."""
    named = {("-" if len(name) == 1 else "--") + name: argument for argument in arguments for name in argument.names}
    for flag, value in _values(words, named):
        if named[flag].kind is int and not (value.isascii() and value.isdecimal()):
            what = f"{flag} takes a whole number, and has {value!r}: {named[flag].help}"
            return f"error: {what}\n       fab --help shows the options that come before a task"
    return ""


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


if __name__ == "__main__":
    if problem := refusal(sys.argv[1:], list(program.initial_context.args.values())):
        print(problem, file=sys.stderr)
        sys.exit(2)
    sys.exit(program.run())
