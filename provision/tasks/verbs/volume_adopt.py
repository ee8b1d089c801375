"""`fab volume-adopt`: the jobs that another stack of this name left behind, for this stack."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from provision.model.errors import BadInput
from provision.storage.adoption import Adoption
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.transport import settings, stack

if TYPE_CHECKING:
    from provision.tasks.context import Context

OPTIONS = {
    "id": "which stack's, as `pulumi preview` names it; none: what an earlier version made, without an id",
    "yes": "do not ask",
}
STOPPED = "stopped; what has other tags by now has them, and the same command goes on with the rest"


@verb(options=OPTIONS, argument="id", limit="", stopped=STOPPED)
def volume_adopt(_: Context, id: str, *, yes: bool = False) -> None:  # noqa: A002 - the option's name
    """Take over job volumes and snapshots that another stack of this name left: only what no stack has any more."""
    wanted = settings.required()
    if not wanted.region:
        raise BadInput(["nothing says which region to look at"], hint="pulumi config set aws:region us-east-1")
    identity = stack.identity()
    if identity is not None and identity.id == id:
        raise BadInput([f"{id} is this stack itself: what it left is its own"])
    adoption = Adoption(wanted.profile, wanted.region, settings.names())
    found = adoption.left_by(id)
    for one in found:
        print(one)
    if not yes and not _agreed(len(found)):
        return
    taken = adoption.take(found, identity)
    print(f"{len(found)} of them are of the stack {taken} now")
    tell(
        "`pulumi up` makes a new job volume of the newest snapshot; to go on with a volume: set gpurig:jobVolume to it"
    )


def _agreed(count: int) -> bool:
    """Ask. Raises `BadInput` where there is nobody to be asked."""
    if not sys.stdin.isatty():
        raise BadInput(["volume-adopt asks first, and there is no terminal"], hint="fab volume-adopt ID --yes")
    print(f"take over these {count}? whoever made them finds them no more [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
