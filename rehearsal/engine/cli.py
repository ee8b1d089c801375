"""The command line: Pulumi's verbs and flags, as far as this engine goes. One table says all that is understood."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rehearsal.engine.errors import EngineError, Unsupported

_TEXT = {"stack", "cwd", "color", "import-pending-creates"}
"""The flags that take a value; all others are switches."""
_REPEATED = {"import-pending-creates"}
"""The flags whose values add up, where of others the last one counts."""
_SHORT = {"s": "stack", "C": "cwd", "y": "yes", "f": "skip-preview", "j": "json", "h": "help", "c": "create"}
_SHORT |= {"r": "refresh"}
_GLOBAL = {"stack", "cwd", "color", "non-interactive", "logtostderr", "help", "emoji", "disable-integrity-checking"}
_RUN = {"yes", "skip-preview", "expect-no-changes", "diff"}
_PENDING = {"clear-pending-creates", "skip-pending-creates", "import-pending-creates"}

# verb: (function, positional arguments (? optional), flags besides the global ones)
_VERBS: dict[str, tuple[str, str, set[str]]] = {
    "preview": ("operations.preview", "", {"expect-no-changes", "diff", "json", "refresh"}),
    "up": ("operations.up", "", {*_RUN, "refresh"}),
    "update": ("operations.up", "", {*_RUN, "refresh"}),
    "refresh": ("operations.refresh", "", {*_RUN, *_PENDING, "preview-only"}),
    "destroy": ("operations.destroy", "", {*_RUN, "preview-only"}),
    "cancel": ("commands.cancel", "stack_name?", {"yes"}),
    "version": ("commands.version", "", set()),
    "stack output": ("stack_output.stack_output", "name?", {"json", "show-secrets"}),
    "stack select": ("commands.stack_select", "name?", {"create"}),
    "stack init": ("commands.stack_init", "name", set()),
    "stack ls": ("commands.stack_ls", "", {"json"}),
    "stack rm": ("commands.stack_rm", "name?", {"yes", "force", "preserve-config"}),
    "config": ("config.show", "", {"json", "show-secrets"}),
    "config get": ("config.get", "key", {"path"}),
    "config set": ("config.set_value", "key value?", {"path", "secret", "plaintext"}),
    "config rm": ("config.remove", "key", {"path"}),
}
_PULUMI_HAS = {
    *("about", "console", "convert", "env", "import", "install", "login", "logout", "logs", "new", "org", "package"),
    *("plugin", "policy", "project", "schema", "stack", "state", "watch", "whoami"),
    *("config cp", "config env", "config refresh", "config set-all"),
    *("stack change-secrets-provider", "stack export", "stack graph", "stack history", "stack import"),
    *("stack rename", "stack tag", "stack unselect", "stack webhook"),
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
    _function, positional, own = _VERBS.get(verb, ("", "", set()))
    for flag in flags:
        if flag not in own | _GLOBAL:
            raise EngineError(f"unknown flag: --{flag}\n{_hint(verb)}")
    given = plain[len(verb.split()) :]
    names = positional.split()
    needed = sum(not name.endswith("?") for name in names)
    if verb and not flags.get("help") and not needed <= len(given) <= len(names):
        raise EngineError(f"`pulumi {verb}` takes {positional or 'no arguments'}, got {len(given)}\n{_hint(verb)}")
    values: dict[str, object] = {flag.replace("-", "_"): False for flag in own | _GLOBAL}
    values |= dict.fromkeys(name.rstrip("?") for name in names)
    values |= {flag.replace("-", "_"): value for flag, value in flags.items()}
    values |= dict(zip((name.rstrip("?") for name in names), given, strict=False))
    arguments = Arguments(**values)
    arguments.folder = Path(arguments.cwd or ".").resolve()
    arguments.stack = arguments.stack or None
    arguments.interactive = not arguments.non_interactive and sys.stdin.isatty() and sys.stdout.isatty()
    return verb, arguments


def _split(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    flags: dict[str, Any] = {}
    plain: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            plain.extend(rest)
        elif word.startswith("-") and len(word) > 1:
            for flag, inline in _flag(word):
                if flag not in _TEXT:
                    flags[flag] = inline not in ("false", "0")
                    continue
                value = next(rest, None) if inline is None else inline
                if value is None:
                    raise EngineError(f"flag needs an argument: --{flag}")
                flags[flag] = [*flags.get(flag, []), value] if flag in _REPEATED else value
        else:
            plain.append(word)
    return flags, plain


def _flag(word: str) -> list[tuple[str, str | None]]:
    """Read ``--name``, ``--name=value``, ``-s value``, ``-svalue``, or switches together: ``-yf``."""
    name, equals, value = word.lstrip("-").partition("=")
    if word.startswith("--"):
        return [(name, value if equals else None)]
    flags: list[tuple[str, str | None]] = []
    for at, letter in enumerate(name):
        if letter not in _SHORT:
            raise EngineError(f"unknown shorthand flag: '{letter}' in {word}")
        if _SHORT[letter] in _TEXT:
            return [*flags, (_SHORT[letter], word[at + 2 :].removeprefix("=") or None)]
        flags.append((_SHORT[letter], None))
    return flags


def _verb(plain: list[str], *, helped: bool) -> str:
    for length in (2, 1):
        verb = " ".join(plain[:length])
        if len(plain) >= length and verb in _PULUMI_HAS:
            raise Unsupported(f"`pulumi {verb}`")
        if len(plain) >= length and verb in _VERBS:
            return verb
    if helped or not plain:
        return ""
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
        lines = [f"  pulumi {each} {_VERBS[each][1]}".rstrip() for each in _VERBS if each != "update"]
        return "\n".join(["A stand-in for the Pulumi CLI. It does:", *lines])
    flags = " ".join(f"[--{flag}]" for flag in sorted(_VERBS[verb][2]))
    return f"pulumi {verb} {_VERBS[verb][1]} {flags} [-s STACK] [-C FOLDER] [--non-interactive]".replace("  ", " ")
