"""What of an account's things nobody owns: pure, from what AWS has and what the states of the stacks say.

Nothing is an orphan but what carries the id of a stack whose state we can read, and is not in it.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Protocol, TypeVar

from provision.aws.holdings import is_gone
from provision.aws.snapshots import COMPLETED, Taken, only_copies
from provision.life.whose import Whose
from provision.model.tags import (
    FROM,
    IMAGE,
    JOBS,
    RECIPE,
    STACK_ID,
    TEMPORARY,
    VOLUME,
    was_never_attached,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from provision.aws.holdings import Thing
    from provision.life.states import State

FRESH = 900
"""Seconds for which a thing may be one that an update is making, or a restore is about to attach."""
AVAILABLE = "available"
_ON_THE_WAY = ("pending", "transient")


class Standing(enum.StrEnum):
    """What became of a thing."""

    ORPHAN = "orphan"
    """Its stack's state is here and does not have it."""
    NEW = "new"
    """One that would be an orphan, but was made just now: an update may be going on that has not written it down."""
    SPARE = "spare"
    """A snapshot or an image that a newer one has taken the place of; `--spare` removes it."""
    KEPT = "kept"
    """Kept on purpose."""
    UNKNOWN = "unknown"
    """Perhaps another person's: of a stack whose state cannot be read here, or of one that has our stack's name."""


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
        # What still shuts down holds its volume and its network: who has begun to remove it goes on with it.
        self.things = [thing for thing in things if not is_gone(thing) or thing.state == "shutting-down"]
        self.now = now
        self.states = {state.stack: state for state in states}
        self.owned = frozenset[str]().union(*(state.owned for state in states))
        self.instances = {thing.id: thing for thing in self.things if thing.kind == "instance"}
        self.whose = Whose(self.things, self.states, gone)
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
        if unsure := self.whose.unsure(thing):
            return Standing.UNKNOWN, unsure
        holder = self._holder(thing)
        if holder is not None:
            standing, why = self._standing(holder)
            of_it = "which is an orphan too" if standing is Standing.ORPHAN else why
            return standing, f"it goes with {holder.id}: {of_it}"
        standing, why = self._of_kind(thing)
        age = self._age(thing)
        if standing is Standing.ORPHAN and age < FRESH:
            return Standing.NEW, f"made {max(0, int(age // 60))} min ago: perhaps an update is going on"
        return standing, why

    def _of_kind(self, thing: Thing) -> tuple[Standing, str]:
        if thing.kind == "snapshot":
            return self._snapshot(thing)
        if thing.kind == "image":
            return self._image(thing)
        if thing.kind == "volume":
            return self._volume(thing)
        return Standing.ORPHAN, self._cut_off(thing)

    def _holder(self, thing: Thing) -> Thing | None:
        """Return the instance that a thing stands as: of what is attached to one, or ends one, and is not owned."""
        named = thing.attached_to
        if thing.kind == "schedule":
            named = next((name for name in self.instances if f"-{name}-" in thing.id), "")
        holder = self.instances.get(named)
        return None if holder is None or self._owned(holder) else holder

    def _age(self, thing: Thing) -> float:
        """Return the seconds that a thing is there, at least.

        A network has no time of its own: one that an update has just made is no older than the stack's state. Of a
        state that is lost there is no update.
        """
        state = self.states.get(thing.stack)
        if state is None or state.problem:
            return FRESH
        made = state.written if thing.made is None else thing.made
        return FRESH if made is None else self.now - made

    def _making(self, thing: Thing) -> bool:
        """Tell whether an update that was killed was making something of a thing's kind."""
        state = self.states.get(thing.stack)
        making = {kind.rpartition(":")[2].lower() for kind in (state.cut_off if state else ())}
        return thing.kind.rpartition(" ")[2].replace("-", "") in making

    def _cut_off(self, thing: Thing) -> str:
        if thing.stack not in self.states:
            return f'the stack "{thing.stack}" is gone'
        if self._making(thing):
            return f'an update of "{thing.stack}" was killed while it made this'
        return f'the state of "{thing.stack}" does not have it'

    def _volume(self, thing: Thing) -> tuple[Standing, str]:
        if thing.attached_to:
            return Standing.KEPT, f"it is attached to {thing.attached_to}"
        if thing.tags.get(VOLUME) == TEMPORARY:
            if self.now - (thing.made or 0) < FRESH:
                return Standing.KEPT, "a restore may be about to use it"
            return Standing.ORPHAN, "a restore that was cut off has left it"
        if was_never_attached(thing.tags) and self._making(thing):
            return Standing.ORPHAN, self._cut_off(thing)
        what = f'jobs of "{thing.host}"' if thing.tags.get(VOLUME) == JOBS else "nobody knows what is on it"
        return Standing.KEPT, f"{what}; attached to nothing, and paid for all the same"

    def _snapshot(self, thing: Thing) -> tuple[Standing, str]:
        if IMAGE in thing.tags:
            return Standing.ORPHAN, "the image that it was of is gone"
        if thing.tags.get(VOLUME) != JOBS or thing.state != COMPLETED:
            return Standing.KEPT, thing.row.get("Description", "") or thing.state
        family = self._completed(thing)
        if thing.id == family[0].id:
            return Standing.KEPT, f'the newest of "{thing.host}": the next `pulumi up` without a volume starts from it'
        volume = thing.row.get("VolumeId")
        taken = [Taken(one.id, one.row.get("VolumeId", ""), one.tags.get(FROM, "")) for one in family]
        if thing.id not in only_copies(taken):
            if any(one.source == thing.id for one in taken):
                return Standing.SPARE, f'a later volume of "{thing.host}" was made from it, and has a newer one'
            return Standing.SPARE, f'a newer one of "{thing.host}" is of the same volume'
        return Standing.KEPT, f"the last of {volume}, which no newer one stands for"

    def _completed(self, thing: Thing) -> list[Thing]:
        """Return the completed snapshots of a snapshot's box, the newest first."""
        return sorted(
            (
                other
                for other in self.things
                if other.kind == "snapshot"
                and (_stack_of(other), other.host, other.tags.get(VOLUME)) == (_stack_of(thing), thing.host, JOBS)
                and other.state == COMPLETED
                and IMAGE not in other.tags
            ),
            key=lambda other: other.made or 0,
            reverse=True,
        )

    def _image(self, thing: Thing) -> tuple[Standing, str]:
        if any(instance.row.get("ImageId") == thing.id for instance in self.instances.values()):
            return Standing.KEPT, "an instance was made from it"
        if thing.state != AVAILABLE:
            if thing.state in _ON_THE_WAY:
                return Standing.KEPT, "EC2 is making it"
            return Standing.SPARE, f"nothing starts from it: it is {thing.state}"
        same = [
            other
            for other in self.things
            if other.kind == "image"
            and (_stack_of(other), other.tags.get(RECIPE)) == (_stack_of(thing), thing.tags.get(RECIPE))
            and other.state == AVAILABLE
        ]
        if thing.id == max(same, key=lambda other: str(other.row.get("CreationDate", ""))).id:
            return Standing.KEPT, f"the newest of {thing.tags.get(RECIPE, 'its recipe')}: `gpurig:image baked` takes it"
        return Standing.SPARE, "a newer one has taken its place"


def _stack_of(thing: Thing) -> tuple[str, str]:
    return thing.stack, thing.tags.get(STACK_ID, "")


class _Sorted(Protocol):
    @property
    def standing(self) -> Standing: ...


Some = TypeVar("Some", bound=_Sorted)


def by_standing(found: Sequence[Some]) -> Mapping[Standing, list[Some]]:
    """Return what was found by its standing, in the order of `Standing`."""
    return {standing: [one for one in found if one.standing is standing] for standing in Standing}
