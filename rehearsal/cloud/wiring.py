"""Where moto meets the machines: which of its methods call which of theirs.

moto is one for a whole process. Its methods are wrapped once; which machines they mean is said by the request being
served, so that a process may serve several clouds one after the other, as tests do.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
from typing import TYPE_CHECKING, Any

from moto.ec2.models.amis import AmiBackend
from moto.ec2.models.elastic_block_store import EBSBackend
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from rehearsal.cloud.disks import Disks
from rehearsal.cloud.hooks import intercept
from rehearsal.cloud.machines import Machines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_serving: contextvars.ContextVar[Machines | None] = contextvars.ContextVar("machines", default=None)


@contextlib.contextmanager
def serving(machines: Machines) -> Iterator[None]:
    """Have moto mean `machines` in this thread."""
    token = _serving.set(machines)
    try:
        yield
    finally:
        _serving.reset(token)


def cores_busy(instance_id: str) -> float | None:
    """Return how many CPUs the box of an instance keeps busy at present; None for an instance without a box."""
    machines = _serving.get()
    return machines.cores_busy(instance_id) if machines else None


# Launches, new disks and changes of rules are taken from the request, which alone knows all about them. The rest is
# taken where moto changes its records: behind every refusal and dry run, and also where one call brings about another,
# as the end of an instance deletes its volumes.
_ON_MACHINES: dict[type, dict[str, Callable[..., Any]]] = {
    EC2Response: {
        "run_instances": Machines.run_instances,
        "get_console_output": Machines.console,
        "authorize_security_group_ingress": Machines.then_sync_rules,
        "revoke_security_group_ingress": Machines.then_sync_rules,
        "modify_security_group_rules": Machines.then_sync_rules,
        "modify_instance_attribute": Machines.then_sync_rules,
    },
    Instance: {
        "stop": Machines.stop,
        "start": Machines.start,
        "reboot": Machines.reboot,
        "terminate": Machines.terminate,
    },
    AmiBackend: {
        "create_image": Machines.create_image,
        "deregister_image": Machines.deregister_image,
    },
}
_ON_DISKS: dict[type, dict[str, Callable[..., Any]]] = {
    EC2Response: {
        "create_volume": Disks.create_volume,
        "modify_volume": Disks.modify_volume,
    },
    EBSBackend: {
        "delete_volume": Disks.delete_volume,
        "attach_volume": Disks.attach_volume,
        "detach_volume": Disks.detach_volume,
        "create_snapshot": Disks.create_snapshot,
        "delete_snapshot": Disks.delete_snapshot,
    },
}


@functools.cache
def connect() -> None:
    """Wrap moto's methods, once in a process."""
    for owner, hooks in _ON_MACHINES.items():
        for name, hook in hooks.items():
            _wrap(owner, name, hook, lambda machines: machines)
    for owner, disk_hooks in _ON_DISKS.items():
        for name, disk_hook in disk_hooks.items():
            _wrap(owner, name, disk_hook, lambda machines: machines.disks)


def _wrap(owner: type, name: str, hook: Callable[..., Any], of: Callable[[Machines], Any]) -> None:
    """Have `hook(of(machines), proceed, self, *arguments)` answer for `owner.name` while machines are served."""

    @intercept(owner, name)
    def call(_: Any, proceed: functools.partial[Any]) -> Any:
        machines = _serving.get()
        return hook(of(machines), proceed, *proceed.args, **proceed.keywords) if machines else proceed()
