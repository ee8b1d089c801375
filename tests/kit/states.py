"""A `pulumi` that knows stacks with states and settings, as far as `fab` asks for them, without an engine behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PROGRAM = """#!/bin/sh
case "$1 $2" in
  "stack ls") cat "{folder}/stacks.json" ;;
  "stack export") cat "{folder}/$4.state.json" 2>/dev/null || {{ echo "error: $4 is out of reach" >&2; exit 1; }} ;;
  "config --json") echo '{{"aws:region": {{"value": "{region}"}}}}' ;;
  *) echo "error: $*" >&2; exit 1 ;;
esac
"""
REGION = "us-east-1"


STACK_ID = "0123456789ab"
"""Of every stack here."""


def deployment(*ids: str, making: str = "", region: str = REGION, stack_id: str = STACK_ID) -> dict[str, Any]:
    """Return a state that has these things, and, if it was cut off, what it was making."""
    kept = {"id": stack_id, "madeBy": "arn:aws:iam::123456789012:user/me"}
    stash = {"urn": "urn:pulumi:index:Stash::identity", "type": "pulumi:index:Stash", "outputs": {"output": kept}}
    provider = {"urn": "urn:aws", "type": "pulumi:providers:aws", "inputs": {"region": region}}
    things = [{"urn": f"urn:{name}", "type": "aws:a/thing:Thing", "id": name} for name in ids]
    pending = [{"type": "creating", "resource": {"urn": "urn:new", "type": making}}] if making else []
    return {"resources": [stash, provider, *things], "pending_operations": pending}


def pulumi_with(folder: Path, states: Mapping[str, Any], *, updating: str = "") -> str:
    """Make a folder a project whose stacks have these states, the first selected; None: one that cannot be read.

    `updating`: the stack of which Pulumi's service says that an update goes on.

    Returns a PATH with its `pulumi`; called again, it has other states.
    """
    for old in folder.glob("*.state.json"):
        old.unlink()
    (folder / "Pulumi.yaml").write_text("name: gpurig\nruntime: python\n")
    rows = [
        {"name": name, "current": number == 0, "updateInProgress": name == updating}
        for number, name in enumerate(states)
    ]
    (folder / "stacks.json").write_text(json.dumps(rows))
    for name, state in states.items():
        if state is not None:
            (folder / f"{name}.state.json").write_text(json.dumps({"version": 3, "deployment": state}))
    program = folder / "pulumi"
    program.write_text(_PROGRAM.format(folder=folder, region=REGION))
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"
