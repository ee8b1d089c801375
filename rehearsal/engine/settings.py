"""``Pulumi.<stack>.yaml``: the configuration of a stack, edited in place so that comments and order survive."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rehearsal.engine.errors import EngineError, Unsupported
from rehearsal.engine.project import load_yaml

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    from rehearsal.engine.paths import Path
    from rehearsal.engine.project import Project

_TYPES: dict[str, Callable[[str], bool]] = {
    "string": lambda _: True,
    "integer": lambda text: re.fullmatch(r"[+-]?\d+", text) is not None,
    "number": lambda text: isinstance(_json(text), int | float) and not isinstance(_json(text), bool),
    "boolean": lambda text: text in ("true", "false"),
    "array": lambda text: isinstance(_json(text), list),
    "object": lambda text: isinstance(_json(text), dict),
}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


class StackSettings:
    """One stack's file."""

    def __init__(self, project: Project, stack: str) -> None:
        self.project = project
        self.stack = stack
        self.file: pathlib.Path = project.root / f"Pulumi.{stack}.yaml"

    def _document(self) -> dict[str, Any]:
        return load_yaml(self.file) if self.file.exists() else {}

    @property
    def salt(self) -> str | None:
        """The stack's ``encryptionsalt``."""
        return self._document().get("encryptionsalt")

    def stack_values(self) -> dict[str, Any]:
        """Give what the file itself sets, by full key."""
        return self._document().get("config") or {}

    def values(self) -> dict[str, Any]:
        """Give what the program will see: the project's defaults, then the stack's own values."""
        merged = {}
        for key, declared in self.project.declared.items():
            if not isinstance(declared, dict):
                merged[key] = declared
            elif (value := declared.get("value", declared.get("default"))) is not None:
                merged[key] = value
        return {**merged, **self.stack_values()}

    def for_program(self) -> dict[str, str]:
        """Check the values against their declared types; give them as text. Raises Unsupported for a secret one."""
        values = self.values()
        self._require(values)
        if secret := [key for key, value in values.items() if isinstance(value, dict) and "secure" in value]:
            raise Unsupported(f"secret configuration ({self.short(secret[0])})")
        texts = {key: as_text(value) for key, value in values.items()}
        for key, declared in self.project.declared.items():
            kind = declared.get("type", "string") if isinstance(declared, dict) else "string"
            if not _TYPES[kind](texts[key]):
                raise EngineError(
                    f"validating stack config: Stack '{self.stack}' with configuration key '{self.short(key)}' "
                    f"must be of type '{kind}'"
                )
        return texts

    def _require(self, values: dict[str, Any]) -> None:
        missing = [f"'{self.short(key)}'" for key in self.project.declared if key not in values]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise EngineError(
                f"validating stack config: Stack '{self.stack}' is missing configuration value{plural} "
                + ", ".join(missing)
            )
        for key, declared in self.project.declared.items():
            kind = declared.get("type", "string") if isinstance(declared, dict) else "string"
            if kind not in _TYPES:
                raise EngineError(f"Pulumi.yaml: '{key}' has the unknown type '{kind}' (one of {', '.join(_TYPES)})")

    def short(self, key: str) -> str:
        """Give the key as people write it: without the project's own namespace."""
        return key.removeprefix(f"{self.project.name}:")

    def set_salt(self, salt: str) -> None:
        """Write the stack's salt, making the file where there is none."""
        self.set(("encryptionsalt",), salt)

    def set(self, path: Path, value: Any) -> None:
        """Write one value at its place in the file, making the file where there is none."""
        from rehearsal.engine.yaml_edit import with_value  # noqa: PLC0415  loads ruamel.yaml, which reading needs not

        self.file.write_text(with_value(self._text(), path, value))

    def remove(self, key: str) -> None:
        """Take the value of a full key out."""
        from rehearsal.engine.yaml_edit import without_value  # noqa: PLC0415  as in set

        if key in self.stack_values():
            self.file.write_text(without_value(self._text(), ("config", key)))

    def _text(self) -> str:
        return self.file.read_text() if self.file.exists() else ""


def as_text(value: Any) -> str:
    """Give a configuration value as the program gets it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)
