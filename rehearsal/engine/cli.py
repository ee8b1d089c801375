"""The command line: Pulumi's verbs and flags, as far as this engine goes. One table says all that is understood."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from rehearsal.engine.errors import EngineError, Unsupported

_TEXT = {"stack", "cwd"}
"""The flags that take a value; all others are switches."""
_SHORT = {"s": "stack", "C": "cwd", "y": "yes", "f": "skip-preview", "j": "json", "h": "help", "c": "create"}
_SHORT |= {"r": "refresh"}
_GLOBAL = {"stack", "cwd", "non-interactive", "help"}
_RUN = {"yes", "skip-preview", "expect-no-changes"}

# verb: (function, positional arguments (? optional), flags besides the global ones)
_VERBS: dict[str, tuple[str, str, set[str]]] = {
    "preview": ("operations.preview", "", {"expect-no-changes", "diff", "json", "refresh"}),
    "up": ("operations.up", "", {*_RUN, "refresh"}),
    "refresh": ("operations.refresh", "", {*_RUN, "clear-pending-creates"}),
    "destroy": ("operations.destroy", "", _RUN),
    "cancel": ("commands.cancel", "name?", {"yes"}),
    "version": ("commands.version", "", set()),
    "stack output": ("stack_output.stack_output", "name?", {"json"}),
    "stack export": ("stack_output.stack_export", "", set()),
    "stack select": ("commands.stack_select", "name?", {"create"}),
    "stack init": ("commands.stack_init", "name", set()),
    "stack ls": ("commands.stack_ls", "", {"json"}),
    "stack rm": ("commands.stack_rm", "name?", {"yes"}),
    "stack": ("commands.stack", "", {"show-name"}),
    "config": ("config.show", "", {"json"}),
    "config get": ("config.get", "key", set()),
    "config set": ("config.set_value", "key value", {"path"}),
    "config rm": ("config.remove", "key", set()),
}
_PULUMI_HAS = {
    *("about", "config", "console", "convert", "env", "import", "install", "login", "logout", "logs", "new", "org"),
    *("package", "plugin", "policy", "project", "schema", "stack", "state", "update", "watch", "whoami"),
}

Arguments = SimpleNamespace


def main() -> None:
    """Run the command of ``sys.argv`` and exit as Pulumi would."""
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Run a command; give its exit code."""
    try:
        verb, arguments = parse(words)
        if arguments.help or not verb:
            print(usage(verb))
            return 0
        module, function = _VERBS[verb][0].split(".")
        getattr(importlib.import_module(f"rehearsal.engine.{module}"), function)(arguments)
    except EngineError as error:
        if str(error):
            print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `pulumi stack output | head`: keep the interpreter from complaining at its exit
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def parse(words: list[str]) -> tuple[str, Arguments]:
    """Find the verb, its arguments and its flags; raise EngineError with Pulumi's words where one is not known."""
    flags, plain = _split(words)
    verb = _verb(plain, helped="help" in flags)
    _function, positional, flags_of_verb = _VERBS.get(verb, ("", "", set()))
    for flag in flags:
        if flag not in flags_of_verb | _GLOBAL:
            raise EngineError(f"unknown flag: --{flag}\n{_hint(verb)}")
    given = plain[len(verb.split()) :]
    names = positional.split()
    needed = sum(not name.endswith("?") for name in names)
    if verb and not flags.get("help") and not needed <= len(given) <= len(names):
        raise EngineError(f"`pulumi {verb}` takes {positional or 'no arguments'}, got {len(given)}\n{_hint(verb)}")
    values: dict[str, object] = {flag.replace("-", "_"): False for flag in flags_of_verb | _GLOBAL}
    values |= dict.fromkeys(name.rstrip("?") for name in names)
    values |= {flag.replace("-", "_"): value for flag, value in flags.items()}
    values |= dict(zip((name.rstrip("?") for name in names), given, strict=False))
    arguments = Arguments(**values)
    arguments.folder = Path(arguments.cwd or ".").resolve()
    arguments.stack = arguments.stack or None
    arguments.interactive = not arguments.non_interactive and sys.stdin.isatty() and sys.stdout.isatty()
    return verb, arguments


def _split(words: list[str]) -> tuple[dict[str, str | bool], list[str]]:
    """Tell flags from other words: ``--name``, ``--name=value``, ``-s value``; all after ``--`` are other words."""
    flags: dict[str, str | bool] = {}
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            plain.extend(rest)
        elif word.startswith("-") and len(word) > 1:
            name, equals, inline = word.lstrip("-").partition("=")
            if not word.startswith("--"):
                if name not in _SHORT:
                    raise EngineError(f"unknown shorthand flag: '{name}' in {word}")
                name = _SHORT[name]
            if name not in _TEXT:
                flags[name] = inline not in ("false", "0")
            elif (value := inline if equals else next(rest, None)) is None:
                raise EngineError(f"flag needs an argument: --{name}")
            else:
                flags[name] = value
        else:
            plain.append(word)
    return flags, plain


def _verb(plain: list[str], *, helped: bool) -> str:
    for length in (2, 1):
        verb = " ".join(plain[:length])
        # A word after `stack` or `config` is a verb of theirs, and none that is here.
        if len(plain) >= length and verb in _VERBS and not (verb in ("config", "stack") and len(plain) > 1):
            return verb
    if helped or not plain:
        return ""
    if plain[0] in _PULUMI_HAS:
        raise Unsupported(f"`pulumi {' '.join(plain[: 2 if plain[0] in ('config', 'stack') else 1])}`")
    raise EngineError(f'unknown command "{plain[0]}" for "pulumi"\n{_hint("")}')


def _hint(verb: str) -> str:
    return f"`pulumi {verb} --help` says what this stand-in engine does; install the Pulumi CLI for the rest".replace(
        "  ", " "
    )


def ask(question: str) -> str:
    """Ask on the terminal; give what was typed, empty at the end of input."""
    print(question, end="", flush=True)  # input's own prompt goes to standard error
    try:
        return input().strip()
    except EOFError:
        return ""


def usage(verb: str) -> str:
    """Give the help of a verb, or of all."""
    if not verb:
        lines = [f"  pulumi {each} {_VERBS[each][1]}".rstrip() for each in _VERBS]
        return "\n".join(["A stand-in for the Pulumi CLI. It does:", *lines])
    flags = " ".join(f"[--{flag}]" for flag in sorted(_VERBS[verb][2]))
    return f"pulumi {verb} {_VERBS[verb][1]} {flags} [-s STACK] [-C FOLDER] [--non-interactive]".replace("  ", " ")
