"""`pulumi stack output` and `export`: other programs run them at their own start, so nothing heavy is imported."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.engine.backend import Backend
from rehearsal.engine.checkpoint import read_latest
from rehearsal.engine.errors import EngineError
from rehearsal.engine.project import Project
from rehearsal.engine.resource import STACK_TYPE

if TYPE_CHECKING:
    from rehearsal.engine.cli import Arguments


def stack_output(args: Arguments) -> None:
    """`pulumi stack output [NAME]`."""
    resources = _latest(args).get("resources") or []
    stack: dict[str, Any] = next((each for each in resources if each["type"] == STACK_TYPE), {})
    outputs = stack.get("outputs") or {}
    if args.name is not None:
        if args.name not in outputs:
            raise EngineError(f"current stack does not have output property '{args.name}'")
        print(_json(outputs[args.name]) if args.json else _one_line(outputs[args.name]))
    elif args.json:
        print(_json(outputs))
    else:
        print(f"Current stack outputs ({len(outputs)}):")
        if not outputs:
            print("    No output values currently in this stack")
        rows = [("OUTPUT", "VALUE"), *((name, _one_line(outputs[name])) for name in sorted(outputs))]
        width = max(len(name) for name, _ in rows)
        for name, value in rows if outputs else []:
            print(f"    {name:<{width}}  {value}")


def stack_export(args: Arguments) -> None:
    """`pulumi stack export`: the state as it is, as `pulumi stack import` would take it."""
    print(json.dumps({"version": 3, "deployment": _latest(args)}, indent=4, ensure_ascii=False))


def _latest(args: Arguments) -> dict[str, Any]:
    backend = Backend.of(Project.find(args.folder))
    return read_latest(backend.state_file(backend.require(args.stack)))


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _one_line(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
