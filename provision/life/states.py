"""The states of the project's Pulumi stacks, as far as they can be read here: what they own, and what was cut off."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Self

from provision.model import aws_settings
from provision.model.errors import BadInput, NoHosts
from provision.model.identity import in_state
from provision.model.prices import PRICES_PROVIDER
from provision.model.schema import plain
from provision.transport import stack as stack_state
from provision.transport.pulumi_cli import finished, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.model.limit import Limit

_PROVIDER = "pulumi:providers:aws"


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """What the state of one stack says."""

    stack: str
    current: bool = False
    """Whether it is the selected one."""
    id: str = ""
    """What tells it from other stacks of its name; "" where its last `pulumi up` was an earlier version's, or none."""
    owned: frozenset[str] = frozenset()
    """The ids of all that is in it, in AWS's words; with those that still wait for their deletion."""
    places: frozenset[tuple[str, str]] = frozenset()
    """Profile and region that it has things in."""
    cut_off: tuple[str, ...] = ()
    """The types of what an update that was killed was making ("aws:ec2/instance:Instance")."""
    written: float | None = None
    """When it was last written, by the clock of who did; seconds of UTC. None where it does not say."""
    updating: bool = False
    """Whether an update goes on, as Pulumi's service tells; other backends never do."""
    limits: Mapping[str, Limit] = dataclasses.field(default_factory=dict)
    """How long its boxes may run, by the id of the instance."""
    problem: str = ""
    """Why it cannot be read; "" where it can."""

    @classmethod
    def of(cls, stack: str, deployment: Mapping[str, Any], *, current: bool = False, updating: bool = False) -> Self:
        """Read the deployment of `pulumi stack export`."""
        resources = deployment.get("resources") or ()
        providers = [row.get("inputs") or {} for row in resources if _is_home(row)]
        pending, identity = deployment.get("pending_operations") or (), in_state(deployment)
        return cls(
            stack=stack,
            current=current,
            owned=frozenset(_ids(resources)),
            places=frozenset((aws_settings.in_state(row), row["region"]) for row in providers if row.get("region")),
            id=identity.id if identity else "",
            cut_off=tuple(row["resource"]["type"] for row in pending if row["type"] == "creating"),
            written=_written(deployment),
            updating=updating,
            limits=_limits(deployment),
        )


def _is_home(row: Mapping[str, Any]) -> bool:
    """Tell whether a resource is a provider that things are made by."""
    name = str(row["urn"]).rpartition("::")[2]
    return row["type"] == _PROVIDER and name != PRICES_PROVIDER


def _written(deployment: Mapping[str, Any]) -> float | None:
    said = (deployment.get("manifest") or {}).get("time")
    return dt.datetime.fromisoformat(said).timestamp() if said else None


def _limits(deployment: Mapping[str, Any]) -> dict[str, Limit]:
    try:
        hosts = stack_state.found(deployment).hosts
    except BadInput:  # of another version of gpurig: what it owns is told all the same
        return {}
    return {host.instance_id: host.limit for host in hosts}


def _ids(resources: Any) -> list[str]:
    """Return the ids of resources, and of what has another one beside it: a key pair's, and the ARN of what has one."""
    found = []
    for row in resources:
        outputs = row.get("outputs") or {}
        found += [row.get("id"), outputs.get("keyPairId"), outputs.get("arn")]
    return [one for one in found if isinstance(one, str)]


def states() -> list[State]:
    """Return the states of all stacks of the project that the backend knows, also of those that cannot be read.

    Raises `NoHosts` where Pulumi does not even say which stacks there are.
    """
    try:
        answer = finished("stack", "ls", "--json", "--non-interactive")
    except FileNotFoundError as error:
        hint = "install the Pulumi CLI: its stacks tell what is whose"
        raise NoHosts("no `pulumi` on PATH", hint=hint) from error
    if answer.returncode:
        hint = "pulumi login, pulumi stack ls"
        raise NoHosts(f"Pulumi does not say which stacks there are: {said(answer)}", hint=hint)
    return [
        _state(row["name"], current=row["current"], updating=row.get("updateInProgress", False))
        for row in json.loads(answer.stdout)
    ]


def _state(name: str, *, current: bool, updating: bool) -> State:
    answer = finished("stack", "export", "--stack", name, "--non-interactive")
    bare = name.rpartition("/")[2]
    if answer.returncode:
        return State(stack=bare, current=current, problem=said(answer))
    try:
        return State.of(bare, json.loads(answer.stdout)["deployment"], current=current, updating=updating)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return State(stack=bare, current=current, problem=f"its state has another form: {plain(repr(error))}")
