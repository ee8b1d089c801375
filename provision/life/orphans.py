"""What of an account's things nobody owns: pure, from what AWS has and what the states of the stacks say.

Nothing is an orphan for sure but what is tagged for a stack whose state we can read, and is not in it.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Protocol, TypeVar

from provision.aws.holdings import is_gone
from provision.model.tags import FROM, IMAGE, JOBS, RECIPE, TEMPORARY, VOLUME

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from provision.aws.holdings import Thing
    from provision.life.states import State

FRESH = 900
"""Seconds for which a temporary volume may be one that a restore is just about to attach."""
COMPLETED = "completed"
COPIED = "vol-ffffffff"
"""The volume that EC2 names for every copy of a snapshot, whichever it was."""


class Standing(enum.StrEnum):
    """What became of a thing."""

    ORPHAN = "orphan"
    """Its stack's state is here and does not have it."""
    SPARE = "spare"
    """A snapshot or an image that a newer one has taken the place of; `--spare` removes it."""
    KEPT = "kept"
    """Kept on purpose."""
    UNKNOWN = "unknown"
    """Of a stack whose state cannot be read here: another person's, another backend's, or lost."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A thing that is in no state, and why it stands where it does."""

    thing: Thing
    standing: Standing
    why: str


def sort(things: Sequence[Thing], states: Sequence[State], *, now: float, gone: Collection[str] = ()) -> list[Found]:
    """Return what no readable state owns, sorted out. `now`: by AWS's clock. `gone`: stacks without a state any more.

    What goes with another thing (a root disk, the snapshot of an image) has no line of its own.
    """
    return list(_Sorting(things, states, now, gone).found())


class _Sorting:
    def __init__(self, things: Sequence[Thing], states: Sequence[State], now: float, gone: Collection[str]) -> None:
        self.things = [thing for thing in things if not is_gone(thing)]
        self.now, self.gone = now, gone
        self.states = {state.stack: state for state in states}
        self.owned = frozenset[str]().union(*(state.owned for state in states))
        self.instances = {thing.id: thing for thing in self.things if thing.kind == "instance"}
        self.disks = frozenset[str]().union(*(instance.disks for instance in self.instances.values()))
        images = [thing for thing in self.things if thing.kind == "image"]
        self.in_images = frozenset[str]().union(*(image.snapshots for image in images))

    def found(self) -> Iterator[Found]:
        for thing in self.things:
            if self._owned(thing) or self._belongs(thing):
                continue
            standing, why = self._standing(thing)
            yield Found(thing=thing, standing=standing, why=why)

    def _owned(self, thing: Thing) -> bool:
        # Of a key pair the state has the name, of what has an ARN perhaps what that ends with.
        names = {
            thing.id,
            thing.row.get("KeyName", "") if thing.kind == "key-pair" else "",
            thing.id.rpartition(":")[2],
            thing.id.rpartition("/")[2],
        }
        return bool((names - {""}) & self.owned)

    def _belongs(self, thing: Thing) -> bool:
        """Tell whether a thing comes and goes with another one."""
        if thing.kind == "volume" and thing.attached_to:
            return thing.id in self.disks or thing.attached_to in self.owned
        return thing.id in self.in_images or thing.row.get("GroupName") == "default"

    def _standing(self, thing: Thing) -> tuple[Standing, str]:
        unreadable = self._unreadable(thing.stack)
        if unreadable:
            return Standing.UNKNOWN, unreadable
        if thing.kind == "snapshot":
            return self._snapshot(thing)
        if thing.kind == "image":
            return self._image(thing)
        if thing.kind == "volume":
            return self._volume(thing)
        return Standing.ORPHAN, self._cut_off(thing)

    def _unreadable(self, stack: str) -> str:
        if stack in self.gone:
            return ""
        state = self.states.get(stack)
        if state is None:
            return f'no state of a stack "{stack}" is here'
        return f'the state of "{stack}" cannot be read: {state.problem}' if state.problem else ""

    def _cut_off(self, thing: Thing) -> str:
        state = self.states.get(thing.stack)
        if state is None:
            return f'the stack "{thing.stack}" is gone'
        making = {kind.rpartition(":")[2].lower() for kind in state.cut_off}
        if thing.kind.rpartition(" ")[2].replace("-", "") in making:
            return f'an update of "{thing.stack}" was killed while it made this'
        return f'the state of "{thing.stack}" does not have it'

    def _volume(self, thing: Thing) -> tuple[Standing, str]:
        what = thing.tags.get(VOLUME, "")
        if thing.attached_to:
            if thing.attached_to in self.instances:
                return Standing.ORPHAN, f"it is attached to {thing.attached_to}, which is an orphan too"
            return Standing.KEPT, f"it is attached to {thing.attached_to}"
        if what == TEMPORARY:
            if self.now - (thing.made or 0) < FRESH:
                return Standing.KEPT, "a restore may be about to use it"
            return Standing.ORPHAN, "a restore that was cut off has left it"
        cut_off = self._cut_off(thing)
        if what == JOBS and "killed" not in cut_off:
            return Standing.KEPT, f'jobs of "{thing.host}"; attached to nothing, and paid for all the same'
        return Standing.ORPHAN, cut_off

    def _snapshot(self, thing: Thing) -> tuple[Standing, str]:
        if IMAGE in thing.tags:
            return Standing.ORPHAN, "the image that it was of is gone"
        if thing.tags.get(VOLUME) != JOBS or thing.state != COMPLETED:
            return Standing.KEPT, thing.row.get("Description", "") or thing.state
        family = self._completed(thing)
        if thing.id == family[0].id:
            return Standing.KEPT, f'the newest of "{thing.host}": the next `pulumi up` without a volume starts from it'
        if any(other.tags.get(FROM) == thing.id for other in family):
            return Standing.SPARE, f'a later volume of "{thing.host}" was made from it, and has a newer one'
        volume = thing.row.get("VolumeId")
        newer = family[: [other.id for other in family].index(thing.id)]
        if volume != COPIED and any(other.row.get("VolumeId") == volume for other in newer):
            return Standing.SPARE, f'a newer one of "{thing.host}" is of the same volume'
        return Standing.KEPT, f"the last of {volume}, which no newer one stands for"

    def _completed(self, thing: Thing) -> list[Thing]:
        """Return the completed snapshots of a snapshot's box, the newest first."""
        return sorted(
            (
                other
                for other in self.things
                if other.kind == "snapshot"
                and (other.stack, other.host, other.tags.get(VOLUME)) == (thing.stack, thing.host, JOBS)
                and other.state == COMPLETED
                and IMAGE not in other.tags
            ),
            key=lambda other: other.made or 0,
            reverse=True,
        )

    def _image(self, thing: Thing) -> tuple[Standing, str]:
        if any(instance.row.get("ImageId") == thing.id for instance in self.instances.values()):
            return Standing.KEPT, "an instance was made from it"
        same = [
            other
            for other in self.things
            if other.kind == "image" and (other.stack, other.tags.get(RECIPE)) == (thing.stack, thing.tags.get(RECIPE))
        ]
        if thing.id == max(same, key=lambda other: str(other.row.get("CreationDate", ""))).id:
            return Standing.KEPT, f"the newest of {thing.tags.get(RECIPE, 'its recipe')}: `gpurig:image baked` takes it"
        return Standing.SPARE, "a newer one has taken its place"


class _Sorted(Protocol):
    @property
    def standing(self) -> Standing: ...


Some = TypeVar("Some", bound=_Sorted)


def by_standing(found: Sequence[Some]) -> Mapping[Standing, list[Some]]:
    """Return what was found by its standing, in the order of `Standing`."""
    return {standing: [one for one in found if one.standing is standing] for standing in Standing}
