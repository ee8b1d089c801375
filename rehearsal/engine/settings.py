"""``Pulumi.<stack>.yaml``: the configuration of a stack, edited in place so that comments and order survive."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from rehearsal.engine.errors import EngineError, Unsupported
from rehearsal.engine.project import load_yaml

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
        self.file: Path = project.root / f"Pulumi.{stack}.yaml"

    def _document(self) -> dict[str, Any]:
        return load_yaml(self.file) if self.file.exists() else {}

    @property
    def salt(self) -> str | None:
        """The stack's ``encryptionsalt``."""
        return self._document().get("encryptionsalt")

    def own(self) -> dict[str, Any]:
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
        return {**merged, **self.own()}

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
        self._edit(("encryptionsalt",), salt)

    def set(self, key: str, value: Any) -> None:
        """Write one value under its full key."""
        self._edit(("config", key), value)

    def remove(self, key: str) -> None:
        """Take one value out."""
        self._edit(("config", key), None)

    def _edit(self, path: tuple[str, ...], value: Any) -> None:
        text = self.file.read_text() if self.file.exists() else ""
        self.file.write_text(edited(text, path, value))


def edited(text: str, path: tuple[str, ...], value: Any, within: yaml.Node | None = None) -> str:
    """Give the YAML `text` with `value` at `path` (None: without it), all else as it was to the letter."""
    node = within or yaml.compose(text, Loader=yaml.SafeLoader)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    entry = next((pair for pair in pairs if pair[0].value == path[0]), None)
    if entry is not None and len(path) > 1 and isinstance(entry[1], yaml.MappingNode) and entry[1].value:
        if not entry[1].flow_style:
            return edited(text, path[1:], value, entry[1])
        held = yaml.safe_load(text)[path[0]]  # {a: 1, b: 2} on one line becomes a block
        return edited(text, path[:1], {k: v for k, v in {**held, path[1]: value}.items() if v is not None})
    for name in reversed(path[1:]):
        value = None if value is None else {name: value}
    column = pairs[0][0].start_mark.column if pairs else 0
    if value is None:
        return text if entry is None else _without_lines(text, entry[0].start_mark.index - column, _end(entry[1]))
    block: str = yaml.safe_dump({path[0]: value}, sort_keys=False, width=1 << 20).rstrip("\n")
    block = block.replace("\n", "\n" + " " * column)
    if entry is not None:
        return text[: entry[0].start_mark.index] + block + text[_end(entry[1]) :]
    end = _end(pairs[-1][1]) if pairs else len(text)
    end += len(text[end:].partition("\n")[0])  # behind a comment on the same line
    before = "\n" + " " * column if text[:end].strip() else ""
    return text[:end] + before + block + (text[end:] or "\n")


def _without_lines(text: str, start: int, end: int) -> str:
    return text[:start] + text[end:].partition("\n")[2]


def _end(node: yaml.Node) -> int:
    """Find where the text of a node ends; PyYAML's own mark of a block lies behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    text: str | None = node.end_mark.buffer
    index = int(node.end_mark.index)
    while text and text[index - 1] == "\n":  # a block scalar's mark is at the start of the next line
        index -= 1
    return index


def as_text(value: Any) -> str:
    """Give a configuration value as the program gets it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), sort_keys=True)
