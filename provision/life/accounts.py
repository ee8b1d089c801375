"""A survey of the account: what it has of the project in every region, whose that is, and what it costs a month."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from provision.aws import holdings, tagged
from provision.life import orphans, states
from provision.life.rates import ALARM_MONTH, Rates
from provision.model.aws_settings import profile_of
from provision.model.errors import GpurigError, NoHosts
from provision.model.prices import HOURS_A_MONTH
from provision.model.project import project_folder, project_name
from provision.transport import settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from provision.aws.holdings import Holdings, Thing
    from provision.life.orphans import Found
    from provision.life.states import State
    from provision.model.prices import Quote

RUNNING = ("pending", "running", "stopping", "shutting-down")
_AT_MOST = ("snapshot", "image")
"""What is billed by what was ever written, which nobody tells: the whole size is the most that it can be."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Priced:
    """A thing without an owner, and what it costs."""

    thing: Thing
    standing: orphans.Standing
    why: str
    month: float | None
    """USD; None: nobody says what it costs."""

    @property
    def at_most(self) -> bool:
        """Whether `month` is the most that it can be."""
        return self.thing.kind in _AT_MOST


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """What was looked at, and what was found that no state has."""

    project: str
    profile: str
    home: str
    """The region of the selected stack."""
    regions: tuple[str, ...]
    """Those that have something of the project, and the home."""
    stacks: tuple[str, ...]
    """Whose states were read."""
    unreadable: dict[str, str]
    """Stack → why its state was not."""
    not_looked_at: dict[str, str]
    """What else there may be, and why nobody knows."""
    sources: tuple[str, ...]
    """Who said the prices."""
    found: list[Priced]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where the project's things are."""

    project: str
    profile: str
    home: str

    @classmethod
    def of(cls, known: Sequence[State]) -> Place:
        """Return that of the selected stack, or of another one. Raises `NoHosts` where nothing says the region."""
        first = sorted(known, key=lambda state: not state.current)
        places = [place for state in first for place in sorted(state.places)]
        if not places:
            # Nothing is there any more, or was yet: the settings say where it would be.
            said = settings.read()
            if not said.region:
                hint = "pulumi config set aws:region us-east-1, or export AWS_REGION"
                raise NoHosts("nothing says which region to look at", hint=hint)
            places = [(said.profile, said.region)]
        project = project_name()
        if not project:
            hint = "run fab in the project's folder: what is whose is told by the stacks of a project"
            raise NoHosts(f"{project_folder() / 'Pulumi.yaml'} gives no project a name", hint=hint)
        return cls(project=project, profile=places[0][0], home=places[0][1])


def survey(gone: Collection[str] = ()) -> Survey:
    """Look at the whole account; `gone`: stacks that have no state any more. Raises `GpurigError`."""
    before = states.states()
    place = Place.of(before)
    wanted, not_looked_at = regions_of(place, before)
    here = held_in(place, wanted, not_looked_at)
    regions = [part.region for part in here]
    things = [thing for part in here for thing in part.things]
    things += _beside_ec2(place, set(regions) - not_looked_at.keys(), things, not_looked_at)
    rates = {region: Rates(profile=place.profile, region=region) for region in regions}
    # Again, and after AWS: what an update made and wrote down in the meantime is in them.
    known = states.states()
    found = orphans.sort(things, known, now=max(part.now for part in here), gone=gone)
    return Survey(
        project=place.project,
        profile=place.profile,
        home=place.home,
        regions=tuple(regions),
        stacks=tuple(state.stack for state in known if not state.problem),
        unreadable={state.stack: state.problem for state in known if state.problem},
        not_looked_at=not_looked_at,
        sources=tuple(dict.fromkeys(source for region in regions for source in rates[region].sources())),
        found=[_priced(one, things, rates.get(one.thing.region)) for one in found],
    )


def regions_of(place: Place, known: Sequence[State]) -> tuple[list[str], dict[str, str]]:
    """Return the regions that have something of the project, home included, and where nobody could look, with why."""
    not_looked_at = {
        f"{_profile(profile)}, of {state.stack}": f"pulumi stack select {state.stack} looks there"
        for state in known
        for profile, _ in state.places
        if profile != place.profile
    }
    regions = {region for state in known for profile, region in state.places if profile == place.profile}
    try:
        more, refused = tagged.regions_with_some(place.profile, place.home, place.project)
    except GpurigError as error:
        more, refused = [], {"other regions": error.what}
    return sorted({place.home, *regions, *more}), {**not_looked_at, **refused}


def _profile(reach: str) -> str:
    return f"profile {profile_of(reach) or 'of the environment'}"


def held_in(place: Place, regions: Sequence[str], not_looked_at: dict[str, str]) -> list[Holdings]:
    """Return what EC2 has in regions; one that refuses is written into `not_looked_at`, with why.

    Raises `GpurigError` where all of them refuse.
    """
    found, refused = [], []
    for region in regions:
        try:
            found.append(holdings.in_region(place.profile, region, place.project))
        except GpurigError as error:
            refused.append(error)
            not_looked_at[region] = error.what
    if not found:
        raise refused[0]
    return found


def _beside_ec2(
    place: Place, regions: Iterable[str], things: Sequence[Thing], not_looked_at: dict[str, str]
) -> list[Thing]:
    """Return what IAM and other services have; who may not look there is told so, and sees the rest.

    `things`: of EC2.
    """
    instances = [thing for thing in things if thing.kind == "instance"]
    found: list[Thing] = []
    try:
        found += holdings.of_iam(place.profile, place.home, place.project)
    except GpurigError as error:
        not_looked_at["IAM"] = error.what
    for region in sorted(regions):
        try:
            others = tagged.elsewhere(place.profile, region, place.project)
            found += tagged.schedules(place.profile, region, instances)
        except GpurigError as error:
            not_looked_at[f"other services in {region}"] = error.what
        else:
            # EC2 and IAM themselves have told of theirs, and sooner.
            found += [thing for thing in others if not thing.kind.startswith(("ec2 ", "iam "))]
    return found


def _priced(found: Found, things: Sequence[Thing], rates: Rates | None) -> Priced:
    month = 0.0 if rates is None else month_of(found.thing, things, rates)
    return Priced(thing=found.thing, standing=found.standing, why=found.why, month=month)


def month_of(thing: Thing, things: Iterable[Thing], rates: Rates) -> float | None:
    """Return what a thing costs a month if nobody touches it, USD; None where nobody says.

    `things`: all of the account; a disk that goes with an instance is counted with that.
    """
    if thing.kind == "instance":
        disks = sum(one.gib for one in things if one.id in thing.disks)
        on = _running_hour(thing, rates) if thing.state in RUNNING else 0.0
        return None if on is None else (on + disks * rates.gib_hour.usd) * HOURS_A_MONTH
    if thing.kind == "volume":
        return thing.gib * rates.gib_hour.usd * HOURS_A_MONTH
    if thing.kind in _AT_MOST:
        return thing.gib * rates.snapshot_gib_hour.usd * HOURS_A_MONTH
    return ALARM_MONTH if thing.kind == "cloudwatch alarm" else 0.0


def _running_hour(thing: Thing, rates: Rates) -> float | None:
    price = instance_hour(thing, rates)
    address = rates.address_hour.usd if thing.row.get("PublicIpAddress") else 0.0
    return None if price is None else price.usd + address


def instance_hour(thing: Thing, rates: Rates) -> Quote | None:
    """Return what an hour of an instance costs, as spot or on demand as it is; None where nobody says."""
    spot = thing.row.get("InstanceLifecycle") == "spot"
    zone = thing.row["Placement"]["AvailabilityZone"] if spot else ""
    return rates.instance_hour(thing.row["InstanceType"], spot_in=zone)
