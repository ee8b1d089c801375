"""What a setting is: a field of a dataclass that says how users type it and what it may be; its docstring says why."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.settings.checks import Check

NAMESPACE = "gpurig"
Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True)
class Setting(Generic[Value]):
    """A configuration key of the namespace `gpurig`. A value that is empty text counts as not set."""

    key: str
    """As the user types it, without the namespace."""
    check: Check[Value]
    default: Value
    example: str
    """A value for the way out, as typed after `pulumi config set`."""
    resolve: Callable[[Value], Value] | None
    """Return what an allowed value stands for (a file, "auto"); raises `ValueError` with the reason where it cannot."""


def setting(
    key: str,
    check: Check[Value],
    default: Value,
    *,
    example: str = "",
    resolve: Callable[[Value], Value] | None = None,
) -> Value:
    """Declare a field of a dataclass as a setting; without an example, its default is one."""
    declared = Setting(key, check, default, example or str(default), resolve)
    # The field stands for its value, as in `dataclasses.field`: mypy then holds check and default against its type.
    field: Value = dataclasses.field(default_factory=lambda: default, metadata={NAMESPACE: declared})
    return field


def declared_in(owner: type[Any]) -> dict[str, Setting[Any]]:
    """Return the settings that a dataclass declares, by the names of their fields."""
    fields = dataclasses.fields(owner)
    return {field.name: field.metadata[NAMESPACE] for field in fields if NAMESPACE in field.metadata}


def descriptions(owner: type[Any]) -> dict[str, str]:
    """Return the docstrings of a class's fields on one line each, without the full stop, by the fields' names."""
    found: dict[str, str] = {}
    for base in owner.__bases__:
        found |= {} if base is object else descriptions(base)
    (tree,) = ast.parse(inspect.getsource(owner)).body
    for statement, following in itertools.pairwise(getattr(tree, "body", ())):
        match (statement, following):
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = " ".join(text.split()).removesuffix(".")
    return found
