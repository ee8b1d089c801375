"""What Fabric's command line cannot say by itself: an argument that may be left out, and a run's command after `--`.

Both become options before Fabric reads the tasks' words: its project file, which loads this, comes first.
"""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit

from provision.runs import shell_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from invoke.collection import Collection

MANY = "..."
"""Behind an option's name: all bare words that follow are its values."""
COMMAND = "run"
"""The task that takes what follows `--` as its `--command`; Fabric runs that by itself on `-H` hosts otherwise."""


def prepare(program: Any, tasks: Collection, optional: Mapping[str, str]) -> None:
    """Rewrite what `fab` was given; `optional`: task → the option that a word right after the task is for."""
    core = getattr(program, "core", None)
    if core is None:
        return
    names = set(tasks.task_names)
    _check(core.unparsed, names)
    words = with_options(core.unparsed, optional, names)
    if core.remainder and COMMAND in words:
        # Fabric joins the words after `--` by blanks; here they are as the shell gave them.
        command = shell_words(program.argv[program.argv.index("--") + 1 :])
        words, core.remainder = [*words, f"--command={command}"], ""
    core.unparsed = words


def _check(words: list[str], names: set[str]) -> None:
    """Raise `Exit` for a first word that is no task, and for a command without `--` before it."""
    first, second = (*words[:2], "-", "-")[:2]
    if not first.startswith("-") and first not in names:
        recipe = first.partition("-")[2]
        near = difflib.get_close_matches(first, names, n=3) + [f"setup-{recipe}"] * (f"setup-{recipe}" in names)
        hint = f"near it: {', '.join(dict.fromkeys(near))}; " if near else ""
        raise Exit(f'error: there is no task "{first}"\n       {hint}fab --list shows all', 2)
    if first == COMMAND and not second.startswith("-") and second not in names:
        raise Exit(f"error: a command comes after two hyphens\n       fab run -- {shlex.join(words[1:])}", 2)


def with_options(words: list[str], optional: Mapping[str, str], tasks: set[str]) -> list[str]:
    """Return `words` with the argument that a task may leave out given as its option: logs train-1 → --name=train-1.

    Of an option with `MANY` behind its name, all words that follow are values.
    """
    said: list[str] = []
    option = ""
    for before, word in zip(["", *words], words, strict=False):
        # After an option, a task's name is that option's value.
        after_option = len(said) > 1 and said[-2].startswith("--") and "=" not in said[-2]
        if word.startswith("-") or word in tasks:
            option = ""
        elif before in optional and not after_option:
            option = optional[before]
        elif not option.endswith(MANY):
            option = ""
        said.append(f"--{option.removesuffix(MANY)}={word}" if option else word)
    return said
