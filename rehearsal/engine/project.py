"""``Pulumi.yaml``: which program to run, with which Python, and which configuration it declares."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import yaml

from rehearsal.engine.errors import EngineError, Unsupported

if TYPE_CHECKING:
    from pathlib import Path

_KNOWN = {"name", "runtime", "description", "config"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """A Python project, as far as this engine runs it."""

    file: Path
    name: str
    python: str
    declared: dict[str, Any]
    """The `config` section: full key to a value, or to a mapping with `type`, `default`, `value`."""

    @property
    def root(self) -> Path:
        """The folder of Pulumi.yaml."""
        return self.file.parent

    @classmethod
    def find(cls, start: Path) -> Project:
        """Read the Pulumi.yaml of `start` or of the nearest folder above it."""
        for folder in (start, *start.parents):
            if (folder / "Pulumi.yaml").is_file():
                return cls.load(folder / "Pulumi.yaml")
        raise EngineError(f"no Pulumi.yaml project file found (searching upwards from {start})")

    @classmethod
    def load(cls, file: Path) -> Project:
        """Read one Pulumi.yaml; raise where it asks for what this engine does not do."""
        document = load_yaml(file)
        if not isinstance(document.get("name"), str):
            raise EngineError(f"{file}: project is missing a 'name' attribute")
        if unknown := sorted(document.keys() - _KNOWN):
            raise Unsupported(f"`{unknown[0]}:` in {file.name}")
        runtime = document.get("runtime")
        runtime = runtime if isinstance(runtime, dict) else {"name": runtime}
        if runtime.get("name") != "python":
            raise Unsupported(f"the runtime {runtime.get('name')!r} (only python)")
        name = document["name"]
        return cls(
            file=file,
            name=name,
            python=_python(file.parent, (runtime.get("options") or {}).get("virtualenv")),
            declared={full_key(name, key): value for key, value in (document.get("config") or {}).items()},
        )


def load_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML mapping; an empty file is an empty one."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where the C library is built in
    try:
        document = yaml.load(file.read_text(), Loader=loader)  # noqa: S506  both are safe loaders
    except (OSError, yaml.YAMLError) as error:
        raise EngineError(f"could not read {file}: {error}") from error
    if not isinstance(document, dict | None):
        raise EngineError(f"{file}: expected a mapping at the top")
    return document or {}


def full_key(project: str, key: str) -> str:
    """Give a configuration key its namespace: the project's name where it has none."""
    return key if ":" in key else f"{project}:{key}"


def _python(root: Path, virtualenv: str | None) -> str:
    if virtualenv is None:
        return "python3"
    python = root / virtualenv / "bin" / "python"
    if not python.exists():
        raise EngineError(
            f"the virtual environment {virtualenv!r} of Pulumi.yaml has no bin/python; "
            f"make it with `python3 -m venv {root / virtualenv}` and install the requirements into it"
        )
    return str(python)
