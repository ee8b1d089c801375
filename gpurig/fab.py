"""`fab`: Fabric's own program, once those of its options that are numbers are some, and once there are tasks.

Fabric reads its options before it loads a fabfile, and ends in a traceback where one that has to be a number is none.
`make setup` copies this file into .venv; a wheel installs it as it is, and then it has gpurig's tasks in any folder.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROJECT = Path(__file__).with_name("files") / "project"
"""Where a wheel has the fabfile of a project; in a checkout there is no such folder."""


BEGINS = ("setup-", "plan", "ps", "status")
"""How those verbs start that look at hosts, and change no stack before they know them: something is begun for them."""
ELSEWHERE = re.compile(r"--search-root|--collection|-[^-]*[rc]")
"""An option that may lead Fabric to another fabfile: then nothing of the one in this folder is to run."""


class _Later(ModuleType):
    """Stands for a module that is slow to import, and imports it once something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def _stand_ins() -> Iterator[_Later]:
    """Yield what stands for modules that Fabric's packages import and mostly do not use: 80 of their 200 ms."""
    yield _Later("invoke.vendor.yaml")  # for configuration files in YAML
    mock = _Later("unittest.mock")  # for tests of Invoke's users; it has asyncio with it
    mock.Mock = _mock  # type: ignore[attr-defined]
    yield mock
    metadata = _Later("importlib.metadata")  # for Paramiko's own version
    metadata.version = _version  # type: ignore[attr-defined]
    yield metadata
    yield _Later("invoke")  # for a line of ssh_config, and Paramiko is wanted first


def _mock(*words: Any, **options: Any) -> Any:
    return importlib.import_module("unittest.mock").Mock(*words, **options)


def _version(package: str) -> str:
    """Return the version of a package that is installed, as `importlib.metadata` does."""
    for folder in map(Path, sys.path):
        with contextlib.suppress(OSError):
            for path in folder.glob(f"{package}-*.dist-info/METADATA"):
                if found := re.search(r"^Version: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
                    return found[1]
    sys.modules.pop("importlib.metadata", None)
    real: str = importlib.import_module("importlib.metadata").version(package)
    return real


def fabrics(paramiko_is_there: Callable[[], None] = lambda: None) -> Any:
    """Return Fabric's own program; `paramiko_is_there` is called in between, once that is so."""
    lent = {module.__name__: module for module in _stand_ins() if module.__name__ not in sys.modules}
    sys.modules.update(lent)
    try:
        import paramiko  # noqa: F401, PLC0415

        sys.modules.pop("invoke", None)
        paramiko_is_there()
        from fabric.main import program  # noqa: PLC0415 - after what stands for a part of what it imports
    finally:
        for name, module in lent.items():
            if sys.modules.get(name) is module:  # whoever comes later has the real one
                del sys.modules[name]
    return program


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


def _fabfile() -> Path | None:
    """Return the folder in which Fabric finds a fabfile, None where it finds none."""
    here = Path.cwd()
    names = ("fabfile.py", "fabfile")
    return next((folder for folder in (here, *here.parents) if any((folder / name).exists() for name in names)), None)


def _begun(words: Sequence[str]) -> Callable[[], None]:
    """Have gpurig begin what takes long, where the tasks are its own; returns what to call once Paramiko is there."""
    if not (words and words[0].startswith(BEGINS)) or any(map(ELSEWHERE.match, words)):
        return lambda: None
    folder = _fabfile()
    is_ours = folder is not None and (folder / "provision" / "transport" / "ahead.py").is_file()
    if not (is_ours if folder is not None else PROJECT.is_dir()):
        return lambda: None
    before = [*sys.path]
    if is_ours:
        sys.path.insert(0, str(folder))  # as Fabric does, later: until then its packages come from where they did
    try:
        from provision.transport import ahead  # noqa: PLC0415 - in a checkout it is where the fabfile is
    finally:
        sys.path[:] = before
    return ahead.begin(words)


def tasks(words: Sequence[str], arguments: Sequence[Any], project: Path = PROJECT) -> list[str]:
    """Return the options that lead Fabric to gpurig's tasks: none where it finds a fabfile, or is told one."""
    named = _named(arguments)
    told = any({"search-root", "collection"} & {*named[flag].names} for flag, _ in _values(words, named))
    return (
        []
        if told or _fabfile() is not None or not (project / "fabfile.py").is_file()
        else ["--search-root", str(project)]
    )


def main() -> None:
    """Check the words, then have Fabric do what they say."""
    program = fabrics(_begun(sys.argv[1:]))
    words, arguments = sys.argv[1:], list(program.initial_context.args.values())
    if problem := refusal(words, arguments):
        print(problem, file=sys.stderr)
        sys.exit(2)
    sys.exit(program.run([sys.argv[0], *tasks(words, arguments), *words]))


if __name__ == "__main__":
    main()
