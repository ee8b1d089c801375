"""What Fabric's command line cannot say by itself: an argument that may be left out, a run's command after `--`.

Both become options before Fabric reads the tasks' words: its project file, which loads this, comes first. What it then
cannot read is told as all errors of gpurig are. And a task's help names the defaults of its options.
"""

from __future__ import annotations

import difflib
import re
import shlex
from typing import TYPE_CHECKING, Any

import fabric
from invoke.exceptions import Exit, ParseError
from invoke.parser.context import to_flag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from invoke.parser import Argument

MANY = "..."
"""Behind an option's name: all bare words that follow are its values."""
COMMAND = "run"
"""The task that takes what follows `--` as its `--command`; Fabric runs that by itself on `-H` hosts otherwise."""


class Task(fabric.Task):  # type: ignore[misc] # fabric has no types
    """A task whose help names the defaults, and whose options that may be given more than once need a value too."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return what the task takes."""
        found: list[Argument] = super().get_arguments(ignore_unknown_help)
        for argument in found:
            if argument.kind is list:
                argument.raw_value = None  # Invoke begins with [], and then takes that for a value that was given
            elif argument.default and argument.takes_value:
                argument.help = f"{argument.help} (default: {argument.default})"
        return found


def prepare(program: Any, names: set[str], optional: Mapping[str, str]) -> None:
    """Rewrite what `fab` was given; another program than `fab` was given nothing.

    `names`: all tasks that there are; `optional`: task → the option that a word right after the task is for.
    """
    core = getattr(program, "core", None)
    if core is None:
        return
    _check(core.unparsed, names)
    words = with_options(core.unparsed, optional, names)
    if core.remainder and COMMAND in words:
        # Fabric joins the words after `--` by blanks; here they are as the shell gave them.
        given = program.argv[program.argv.index("--") + 1 :]
        # One word is shell text already, several are a program's words.
        command = given[0] if len(given) == 1 else shlex.join(given)
        words, core.remainder = [*words, f"--command={command}"], ""
    core.unparsed = words
    for name in ("parse_tasks", "parse_cleanup"):
        setattr(program, name, _told(program, getattr(program, name), names))


def _check(words: list[str], names: set[str]) -> None:
    """Raise `Exit` for a command without `--` before it."""
    first, second = (*words[:2], "-", "-")[:2]
    if first == COMMAND and not second.startswith("-") and second not in names:
        raise Exit(f"error: a command comes after two hyphens\n       fab run -- {shlex.join(words[1:])}", 2)


def _check_hosts(program: Any, names: set[str]) -> None:
    """Raise `Exit` for a `-H` that names no host: a word that is empty would mean all hosts of the stack."""
    given, words = program.args.hosts.value, program.core.unparsed
    if given is not None and not given.strip(", "):
        way = "fab -H USER@HOST TASK; without -H, the hosts of hosts.toml or of the Pulumi stack"
        raise Exit(f"error: -H comes with a host, and has none\n       {way}", 2)
    if given in names and not names & set(words):
        way = f"fab -H USER@HOST {shlex.join([given, *words])}"
        raise Exit(f'error: -H comes with a host, and "{given}" is a task\n       {way}', 2)


def _told(program: Any, parse: Callable[[], None], names: set[str]) -> Callable[[], None]:
    """Return a step of Invoke's that says in gpurig's words what it cannot read."""

    def step() -> None:
        _check_hosts(program, names)
        try:
            parse()
        except ParseError as error:
            raise Exit(_complaint(error, sorted(names)), 2) from error

    return step


def _complaint(error: ParseError, names: list[str]) -> str:
    """Return what Invoke cannot read, and the way out."""
    context, said = error.context, str(error)
    task = (context.name if context else "") or ""
    way = "fab --list shows all tasks, fab --help the options that come before one"
    if task:
        way = f"fab --help {task} shows what it takes"
    if match := re.fullmatch(r"No idea what (['\"])(.+)\1 is!", said):
        word = match[2]
        if word.startswith("-"):
            said = f"fab {task}".strip() + f" has no option {word}"
            near = _near(word, list(context.flags) if context else [])
        else:
            said, near = f'there is no task "{word}"', _near(word, names)
            said += f", and fab {task} takes no such word" if task else ""
        way = near + way
    elif task and context.missing_positional_args:
        said = "\n       ".join(f"fab {task} needs {a.name.upper()}: {a.help}" for a in context.missing_positional_args)
    elif match := re.fullmatch(r"Flag <Argument: ([\w-]+).*", said):
        option = to_flag(match[1])
        own = context.flags.get(option) if task else None
        of = f" of fab {task}" if own else ""
        said = f"{option}{of} comes with a value, and has none{f': {own.help}' if own else ''}"
        way = way if own else f"fab {option} VALUE {task}; fab --help shows the options that come before a task"
    return f"error: {said}\n       {way}"


def _near(word: str, names: list[str]) -> str:
    """Return the names that are like a word, or that set up the recipe in it, as the beginning of a hint."""
    recipe = difflib.get_close_matches(f"setup-{word.partition('-')[2] or word}", names, n=1, cutoff=0.8)
    near = difflib.get_close_matches(word, names, n=3) + recipe
    return f"near it: {', '.join(dict.fromkeys(near))}; " if near else ""


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
