"""What Fabric's command line cannot say by itself, and its refusals in gpurig's words.

Fabric loads its project file, which calls `prepare`, after its own options and before it reads the tasks' words. Here
an argument that may be left out and a command after `--` become options. Then the words are parsed, as Fabric does once
more afterwards: what it would refuse in its own words, and with the exit code 1, ends the program here.
"""

from __future__ import annotations

import difflib
import itertools
import re
import shlex
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit, ParseError
from invoke.parser import Parser
from invoke.parser.context import to_flag

from provision.model.checks import PORT, port_of
from provision.model.schema import plain

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from invoke.collection import Collection
    from invoke.parser import ParserContext

    from provision.tasks.names import Names
    from provision.tasks.verb import Verb


def prepare(program: Any, tasks: Collection, names: Names) -> None:
    """Rewrite the words that `fab` was given, and raise `Exit` for what it cannot read.

    `tasks`: at least those in the words; `names`: of all tasks that there are. Another program than `fab` has no words.
    """
    if hasattr(program, "core"):
        rewrite(program.core, program.argv, tasks.tasks, names)
        check(program, tasks, names)


def rewrite(core: Any, typed: list[str], tasks: Mapping[str, Verb], names: Container[str]) -> None:
    """Rewrite the words that Fabric has not parsed yet. `typed`: all words, as the shell gave them."""
    for before, word in itertools.pairwise(core.unparsed):
        if before in tasks and word in ("--help", "-h"):
            # As `fab --help TASK`: Invoke would take it for the argument of a task that needs one.
            core[0].args.help.value, core.unparsed = before, []
            return
    core.unparsed = with_options(core.unparsed, tasks, names)
    options = [tasks[word].declared.rest for word in core.unparsed if word in tasks]
    if core.remainder and (option := next(filter(None, options), "")):
        # Fabric joins the words after `--` by blanks, and runs them by itself on `-H` hosts.
        given = typed[typed.index("--") + 1 :]
        # One word is shell text already, several are a program's words.
        command = given[0] if len(given) == 1 else shlex.join(given)
        core.unparsed.append(f"--{option}={command}")
        core.remainder = ""


def with_options(words: list[str], tasks: Mapping[str, Verb], names: Container[str]) -> list[str]:
    """Return `words` with the argument that a task may leave out given as its option: logs train-1 → --name=train-1."""
    rewritten: list[str] = []
    option, many = "", False
    for before, word in zip(["", *words], words, strict=False):
        # After an option, a task's name is that option's value.
        after_option = len(rewritten) > 1 and rewritten[-2].startswith("--") and "=" not in rewritten[-2]
        if word.startswith("-") or word in names:
            option = ""
        elif before in tasks and not after_option:
            option = tasks[before].declared.argument
            many = option in tasks[before].iterable
        elif not many:
            option = ""
        rewritten.append(f"--{option}={word}" if option else word)
    return rewritten


def check(program: Any, tasks: Collection, names: Names) -> None:
    """Raise `Exit` for words that Fabric cannot read."""
    core, help_for = program.core, program.args.help.value
    if help_for and help_for not in names:
        raise _unknown([help_for], None, tasks, names)
    _check_signs(program.argv)
    _check_hosts(program.args.hosts.value, core.unparsed, names)
    if not core.unparsed:
        return
    try:
        # With what is unknown ignored, the parser says where it begins, and in which task.
        parsed = Parser(tasks.to_contexts(), program.initial_context, ignore_unknown=True).parse_argv(core.unparsed)
    except ParseError as error:
        raise _incomplete(error) from error
    except ValueError as error:  # of Fabric's own options, some are numbers
        raise _refusal(f"an option of fab's own is no number: {error}", "fab --help shows them") from error
    _check_hosts(parsed[0].args.hosts.value, core.unparsed, names)
    if parsed.unparsed:
        raise _unknown(parsed.unparsed, parsed[-1], tasks, names)


def _check_signs(typed: list[str]) -> None:
    """Raise `Exit` for a number with a sign: Invoke takes -1h for the options -1 and -h, and shows a task's help."""
    words = typed[: typed.index("--")] if "--" in typed else typed
    for before, word in itertools.pairwise(words):
        if re.match(r"-[0-9]", word) and not before.startswith("-"):
            raise _refusal(f"{word}: a time or a number has no sign", f"write {word[1:]}, as in: fab extend 4h")


def _check_hosts(given: str | None, words: list[str], names: Names) -> None:
    """Raise `Exit` for a `-H` that names no host: a word that is empty would mean all hosts of the stack."""
    if given is not None and not given.strip(", "):
        hint = "fab -H USER@HOST TASK; without -H, the hosts of hosts.toml or of the Pulumi stack"
        raise _refusal("-H comes with a host, and has none", hint)
    for word in (given or "").split(","):
        # More colons are an IPv6 address, without a port; Fabric reads a port before any of our words is heard.
        _, colon, port = word.rpartition("@")[2].partition(":")
        if colon and ":" not in port and port_of(port) is None:
            raise _refusal(f"-H {plain(word)}: the port has to be {PORT.allowed}", "fab -H USER@HOST:PORT TASK")
    if given and given in names and not any(word in names for word in words):
        hint = f"fab -H USER@HOST {shlex.join([given, *words])}"
        raise _refusal(f'-H comes with a host, and "{given}" is a task', hint)


def _unknown(words: list[str], context: ParserContext | None, tasks: Collection, names: Names) -> Exit:
    """Return the refusal of words the first of which Fabric does not know. `context`: the task that they follow."""
    word, task = words[0], (context.name if context else "") or ""
    hint = "fab --list shows all tasks, fab --help the options that come before one"
    if task:
        hint = f"fab --help {task} shows what it takes"
    if word.startswith("-"):
        near = _near(word, list(context.flags)) if context else ""
        return _refusal(f"fab {task}".strip() + f" has no option {word}", near + hint)
    if task and tasks[task].declared.rest:
        return _refusal("a command comes after two hyphens", f"fab {task} -- {shlex.join(words)}")
    of_task = f", and fab {task} takes no such word" if task else ""
    return _refusal(f'there is no task "{word}"{of_task}', _near(word, names) + hint)


def _incomplete(error: ParseError) -> Exit:
    """Return the refusal of words in which something is missing."""
    task = (error.context.name if error.context else "") or ""
    hint = f"fab --help {task} shows what it takes"
    if missing := task and error.context.missing_positional_args:
        return _refusal("\n       ".join(f"fab {task} needs {a.name.upper()}: {a.help}" for a in missing), hint)
    # Nothing but its text tells which option has no value.
    match = re.match(r"Flag <Argument: ([\w-]+)", str(error))
    if not match:
        return _refusal(str(error), hint)
    option = to_flag(match[1])
    if argument := task and error.context.flags.get(option):
        return _refusal(f"{option} of fab {task} comes with a value, and has none: {argument.help}", hint)
    hint = f"fab {option} VALUE {task}; fab --help shows the options that come before a task"
    return _refusal(f"{option} comes with a value, and has none", hint)


def _near(word: str, names: Iterable[str]) -> str:
    """Return the names that are like a word, or that set up the recipe in it, as the beginning of a hint."""
    names = list(names)
    recipe = difflib.get_close_matches(f"setup-{word.partition('-')[2] or word}", names, n=1, cutoff=0.8)
    near = difflib.get_close_matches(word, names, n=3) + recipe
    return f"near it: {', '.join(dict.fromkeys(near))}; " if near else ""


def _refusal(problem: str, hint: str) -> Exit:
    """Return the end of the program for what was typed wrong."""
    return Exit(f"error: {problem}\n       {hint}", 2)
