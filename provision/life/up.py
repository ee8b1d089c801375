"""Boxes where there is capacity: offers tried in order by changing the settings and running `pulumi up`.

Pulumi stays the only one that makes things. What is decided here is what to ask it for next, and when to stop.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import TYPE_CHECKING, Any

from provision.aws import instances, quotas
from provision.aws.clients import aws_errors, client, listed, tag_filters, tags_of
from provision.model import tags
from provision.model.errors import BadInput, GpurigError
from provision.model.identity import maker
from provision.transport import settings as stack_settings
from provision.transport import stack as stack_state

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from provision.life.offers import Offer
    from provision.life.wish import Wish
    from provision.transport.settings import StackSettings

UP = ("up", "--yes", "--skip-preview", "--refresh")
"""With a refresh: a box that was taken away is still in Pulumi's state, and would not be made again."""
BOUNDARY = (
    "where that is iam:CreateRole, the account may want a boundary on every role (docs/iam.md): "
    "pulumi config set gpurig:permissionsBoundary ARN"
)
"""What helps where IAM refuses; EC2 has another word for it."""
_ERROR = re.compile(r"api error ([A-Za-z0-9.]+)")
"""How the provider quotes AWS's own code of a refusal."""
NO_CAPACITY = (
    "InsufficientInstanceCapacity",
    "InsufficientHostCapacity",
    "InsufficientCapacity",
    "SpotMaxPriceTooLow",
    "Unsupported",
)
"""Refusals of RunInstances that another zone or type may not meet."""
NO_QUOTA = ("VcpuLimitExceeded", "MaxSpotInstanceCountExceeded", "InstanceLimitExceeded")
"""Those that no instance type of the same class with as many vCPUs will pass."""
_ALIVE = ("pending", "running", "stopping", "stopped")
SNAPSHOT, NEWEST = "snapshot", "newest"
"""The settings by which a volume's jobs come back elsewhere (`infra.settings`)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stack:
    """What AWS has of the selected stack."""

    project: str
    name: str
    boxes: Mapping[str, str]
    """Instances that are there, or will be again → their state."""
    volumes: Mapping[str, str]
    """Job volumes that may hold jobs → their zone."""
    spare: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Those that were never attached, as a try without capacity leaves them → their zone: Pulumi makes them anew."""
    ending: Collection[str] = ()
    """Instances that are shutting down: they hold their volumes, and Pulumi takes them for boxes that are there."""

    @classmethod
    def look(cls, wish: Wish) -> Stack:
        """Ask Pulumi for the stack's name and EC2 for what it has. Raises `GpurigError`."""
        project, name = stack_settings.names()
        wanted, ours = {tags.PROJECT: project, tags.STACK: name}, _Ours(wish)
        with aws_errors(f"EC2 does not tell what the stack {name} has in {wish.region}"):
            ec2 = client("ec2", wish.profile, wish.region)
            boxes = [row for row in instances.rows(ec2, tag_filters(wanted)) if ours(row)]
            disks = listed(ec2, "describe_volumes", "Volumes", Filters=tag_filters({**wanted, tags.VOLUME: tags.JOBS}))
            disks = [row for row in disks if ours(row)]
            spare = _spare(ec2, disks)
        states = {row["InstanceId"]: row["State"]["Name"] for row in boxes}
        return cls(
            project=project,
            name=name,
            boxes={box: state for box, state in states.items() if state in _ALIVE},
            ending=[box for box, state in states.items() if state == instances.SHUTTING_DOWN],
            volumes={row["VolumeId"]: row["AvailabilityZone"] for row in disks if row["VolumeId"] not in spare},
            spare={row["VolumeId"]: row["AvailabilityZone"] for row in disks if row["VolumeId"] in spare},
        )

    def refuse_boxes(self) -> None:
        """Raise `BadInput` where there is a box: it would be changed, or lose its root disk, not made."""
        if not self.boxes:
            return
        there = ", ".join(f"{box} is {state}" for box, state in self.boxes.items())
        hint = (
            "a box that is stopped: fab start\n"
            "one of another type where it is: pulumi config set gpurig:instanceType …; pulumi up\n"
            "one elsewhere, without what is on its root disk: pulumi destroy (the jobs stay, as a snapshot); fab up"
        )
        raise BadInput([f"the stack {self.name} has a box already: {there}"], hint=hint)


class _Ours:
    """Tells what is of the selected stack from what is of others of its name, as `infra.identity` does."""

    def __init__(self, wish: Wish) -> None:
        self._known = stack_state.identity()
        self._wish = wish

    def __call__(self, row: Mapping[str, Any]) -> bool:
        carried = tags_of(row)
        stack_id = carried.get(tags.STACK_ID)
        if stack_id is None or self._known:
            return stack_id is None or (self._known is not None and stack_id == self._known.id)
        # Of a stack without a state nothing runs; what it left is the caller's.
        return "VolumeId" in row and carried.get(tags.MADE_BY) == self._caller

    @functools.cached_property
    def _caller(self) -> str:
        return maker(client("sts", self._wish.profile, self._wish.region).get_caller_identity()["Arn"])


def _spare(ec2: Any, disks: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the ids of volumes that hold nothing of their own, by the rules of `infra.volumes`."""
    unused = {
        row["VolumeId"]: row.get("SnapshotId") or ""
        for row in disks
        if row["State"] == "available" and tags.was_never_attached(tags_of(row))
    }
    sources = sorted({*unused.values()} - {""})
    # One whose snapshot is gone is the only one that has its jobs.
    filters = [{"Name": "snapshot-id", "Values": sources}]
    found = ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"] if sources else []
    there = {"", *(row["SnapshotId"] for row in found)}
    return {volume for volume, source in unused.items() if source in there}


def why_it_stays(settings: StackSettings, stack: Stack) -> str:
    """Return why the job volumes cannot follow to another zone through a snapshot; "" where they can."""
    if not stack.volumes:
        return ""
    if named := settings.names("jobVolume"):
        return f"gpurig:jobVolume is {', '.join(named)}: what is named so stays where it is"
    if (on_destroy := settings.get("jobVolumeOnDestroy", SNAPSHOT)) != SNAPSHOT:
        way = f"pulumi config set gpurig:jobVolumeOnDestroy {SNAPSHOT}; pulumi up"
        return f'gpurig:jobVolumeOnDestroy is "{on_destroy}", which leaves no snapshot to follow by: {way}'
    if (source := settings.get("jobSnapshot", NEWEST)) != NEWEST:
        return f'gpurig:jobSnapshot is "{source}": a new volume would not begin with these jobs: pulumi config rm it'
    unsaved = [volume for volume in stack.volumes if not stack_settings.leaves_snapshot(volume)]
    if unsaved:
        way = "`pulumi refresh` and `pulumi up` bring the state up to date"
        return f"by Pulumi's state a destroy would leave no snapshot of {', '.join(unsaved)}: {way}"
    return ""


def ordered(offers: Iterable[Offer], stack: Stack, preferred: str, *, moves: bool) -> list[Offer]:
    """Return offers, cheapest first; of the same price that one before, whose zone has the volumes or is preferred.

    Where volumes do not move, only offers of their zones.
    """
    there = set(stack.volumes.values())
    usable = [offer for offer in offers if moves or not there or there == {offer.zone}]
    return sorted(
        usable,
        key=lambda offer: (
            offer.usd,
            bool(there) and {offer.zone} != there,
            offer.zone != preferred,
            offer.kind.name,
            offer.zone,
        ),
    )


def refusals(lines: Iterable[str]) -> list[str]:
    """Return AWS's codes of what it refused in the output of a `pulumi up`, each once, as they came."""
    return list(dict.fromkeys(code for line in lines for code in _ERROR.findall(line)))


def update() -> tuple[int, list[str]]:
    """Run `UP`; return its exit code, and AWS's codes of what it refused."""
    lines: list[str] = []
    return stack_settings.run(*UP, heard=lines.append), refusals(lines)


def is_capacity(codes: Sequence[str]) -> bool:
    """Tell whether a `pulumi up` failed for capacity or quota alone."""
    return bool(codes) and all(code in (*NO_CAPACITY, *NO_QUOTA) for code in codes)


@dataclasses.dataclass
class Attempts:
    """The offers that are left, and what became of the others."""

    left: list[Offer]
    failed: list[tuple[Offer, str]] = dataclasses.field(default_factory=list)

    def next(self) -> Offer | None:
        """Take the next offer; None where none is left."""
        return self.left.pop(0) if self.left else None

    def refused(self, offer: Offer, codes: Sequence[str]) -> None:
        """Note why an offer was not had, and drop those that the same quota refuses."""
        self.failed.append((offer, ", ".join(codes)))
        if any(code in NO_QUOTA for code in codes):
            code = quotas.code_of(offer.kind.name, spot=offer.spot)
            self.left = [
                other
                for other in self.left
                if quotas.code_of(other.kind.name, spot=other.spot) != code or other.kind.vcpus < offer.kind.vcpus
            ]


def wanted(offer: Offer, ceiling: float | None) -> dict[str, str]:
    """Return the settings that ask for an offer. As spot, AWS itself holds the ceiling."""
    found = {"instanceType": offer.kind.name, "zone": offer.zone, "spot": "true" if offer.spot else "false"}
    most = max(ceiling or 0.0, offer.usd or 0.0)
    found["spotMaxPrice"] = f"{most:.4f}" if offer.spot and most else ""
    return found


def take(offer: Offer, wish: Wish, stack: Stack, tell: Callable[[str], None]) -> list[str]:
    """Have Pulumi make what an offer says; returns AWS's codes where it was refused for capacity, [] where it is made.

    Boxes that go are waited for. Volumes in another zone follow by a snapshot: `pulumi destroy` first. Raises
    `GpurigError` for what else went wrong.
    """
    if stack.ending:
        tell(f"waiting until {', '.join(stack.ending)}, which is shutting down, is gone")
        instances.wait_until_ended(wish.profile, wish.region, stack.ending)
    if stack.volumes and {*stack.volumes.values()} != {offer.zone}:
        there = ", ".join(f"{volume} in {zone}" for volume, zone in stack.volumes.items())
        tell(f"the jobs follow to {offer.zone} by a snapshot: pulumi destroy leaves one of {there}")
        if stack_settings.run("destroy", "--yes", "--skip-preview"):
            raise GpurigError(
                "`pulumi destroy` did not get to its end", hint="what it said is above; then fab up again"
            )
    stack_settings.change(wanted(offer, wish.max_price))
    failed, codes = update()
    if failed and not is_capacity(codes):
        said = f" ({', '.join(codes)})" if codes else ""
        hint = "\n".join(["what it said is above", *([BOUNDARY] if "AccessDenied" in codes else [])])
        raise GpurigError(f"`pulumi up` failed, and not for want of capacity{said}", hint=hint)
    return codes if failed else []
