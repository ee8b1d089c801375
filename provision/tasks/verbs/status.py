"""`fab status`: one screen on every host."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, TypedDict, TypeVar

from provision.agent.verbs import Verb
from provision.agent.wire.answers import Overview
from provision.agent.words import Kind
from provision.aws.snapshots import COMPLETED
from provision.catalogue.catalogue import Catalogue
from provision.life import ceiling, keys
from provision.model.errors import GpurigError
from provision.model.platforms import NO_GPU
from provision.model.run import Run
from provision.model.target import Target
from provision.model.words import minute, took
from provision.storage.volumes import JobVolume
from provision.tasks import cards
from provision.tasks.awake import shown
from provision.tasks.verb import verb
from provision.transport import background
from provision.work import door

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from provision.agent.wire.documents import DataSet, Mark
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session


class Snapshot(TypedDict):
    """A snapshot, as `--json` has it."""

    id: str
    at: float
    state: str


class Volume(TypedDict, total=False):
    """What EC2 says of a job volume; `problem`: why it says nothing more than that."""

    id: str
    size_gib: int
    state: str
    snapshots: list[Snapshot]
    problem: str


Told = tuple[Overview, Volume, list[str], list[str]]
"""The box's answer, EC2's on its volume, the lines on its ceiling, and on keys that cannot log in."""
Answer = TypeVar("Answer")
PATIENCE = 20
"""Seconds that the answer of EC2 is waited for."""


@verb(looks=True, json="print the raw answer, a line per host")
def status(c: Context) -> None:
    """Show on one screen what every host is doing, how full it is, and what is installed."""
    catalogue = Catalogue()
    units = sorted(recipe.unit for recipe in catalogue.recipes.values() if recipe.unit)
    told: dict[str, tuple[Host, Told]] = {}

    def ask(session: Session, out: View) -> None:
        out.now("looking")
        host = session.host
        volume, end = background.begin(lambda: _volume(host)), background.begin(lambda: ceiling.lines(host))
        overview = session.answer({"verb": Verb.OVERVIEW, "units": units}, Overview)
        lacking = keys.lines(keys.there(session), keys.recorded(host)) if host.keys else []
        late = f"AWS did not answer within {PATIENCE} s"
        unknown: Volume = {"problem": late}
        told[host.name] = session.host, (overview, _waited(volume, unknown), _waited(end, [late]), lacking)

    c.each_session(ask)
    shown = [told[host.name] for host in c.hosts if host.name in told]
    if c.json:
        for host, (answer, volume, end, lacking) in shown:
            aside = {"event": "status", "volume": volume, "ceiling": end, "keys": lacking}
            print(json.dumps({"host": host.name, **answer, **aside}))
    else:
        print("\n".join(_screen(host, answer, catalogue) for host, answer in shown), end="")


def _waited(answer: Future[Answer], late: Answer) -> Answer:
    try:
        return answer.result(PATIENCE)
    except TimeoutError:
        return late


def _volume(host: Host) -> Volume:
    """Return what EC2 says of a host's volume and its snapshots, or why it says nothing; {} where there is none."""
    if not (host.target and host.target.volume_id):
        return {}
    try:
        volume = JobVolume.of(host)
        snapshots: list[Snapshot] = [{"id": one.id, "at": one.at, "state": one.state} for one in volume.snapshots()]
    except GpurigError as error:
        return {"id": host.target.volume_id, "problem": error.what}
    return {"id": volume.id, "size_gib": volume.size_gib, "state": volume.state, "snapshots": snapshots}


def _screen(host: Host, told: Told, catalogue: Catalogue) -> str:
    """Return the lines about one host."""
    answer, volume, end, lacking = told
    most = "at most " if host.target and host.target.spot else ""
    price = f", {most}${host.price_per_hour:.2f}/h" if host.price_per_hour is not None else ""
    installed = sorted(answer["marks"].items(), key=lambda item: item[1]["at"])
    width = max((len(_versioned(name, mark)) for name, mark in installed), default=0)
    groups = {
        "host": [f"{host}{f', {host.instance_type}' if host.instance_type else ''}{price}"],
        "machine": [f"{answer['os']}, kernel {answer['kernel']}, {answer['memory_gib']:.0f} GiB of memory"],
        "state": list(_states(host, answer, catalogue)),
        "ceiling": end,
        "keys": lacking,
        "awake": list(shown(answer["guard"], time.time())),
        "services": [f"{unit} is {state}" for unit, state in answer["services"].items()],
        "door": list(_about_door(host, answer)),
        "GPU": list(cards.lines(answer)),
        "disk": [
            f"{_gib(disk['free'])} of {_gib(disk['total'])} GiB free on {disk['path']}" for disk in answer["disks"]
        ],
        "volume": list(_about_volume(host, volume, mounted=answer["mounted"])),
        "runs": [f"{run.name} for {took(run.seconds)}: {run.shown}" for run in map(Run.from_row, answer["runs"])],
        "data sets": [_dataset(row) for row in answer["datasets"]],
        "installed": [f"{_versioned(name, mark):<{width}}  {minute(mark['at'])}" for name, mark in installed],
    }
    rows = [("" if number else key, line) for key, lines in groups.items() for number, line in enumerate(lines)]
    return "".join(f"{key:<10} {line}\n" for key, line in rows)


def _states(host: Host, answer: Overview, catalogue: Catalogue) -> Iterator[str]:
    """Say what is being set up or how that ended last, and whether what the host is for is there all the same."""
    last, now = answer["last"], answer["pending"]
    if ending := answer["ending"]:
        who = "EC2 takes this spot box at" if ending["action"] != "rebalance" else "it leaves, as EC2 recommends, by"
        yield f"{who} {minute(ending['ends'])}; once it is gone: fab resume"
    ready = _ready_since(host, answer, catalogue)
    if ready:
        yield f"{host.recipe} is ready since {minute(ready)}"
    if now and answer["running"]:
        yield f"installing {now['name']} now"
    elif now:
        yield f"{now['name']} was cut off; `fab setup` goes on with it"
    elif last and last["event"] == Kind.FAILED:
        step = f'step "{last["step"]}"' if last["step"] else "a setup"
        yield f"{step} failed on {minute(last['at'])}: {last['why']}"
    elif answer["ready"] and not (ready and answer["ready"]["name"] == host.recipe):
        yield f"{answer['ready']['name']} is ready since {minute(answer['ready']['at'])}"
    elif not ready:
        yield "nothing was installed by gpurig"


def _ready_since(host: Host, answer: Overview, catalogue: Catalogue) -> float:
    """Return since when a host has all of what it is for, 0 where something of it is missing or half done."""
    if host.recipe not in catalogue.recipes:
        return 0
    gpu = host.target.gpu if host.target else ""
    wanted = [catalogue.recipes[name] for name in catalogue.closure([host.recipe], gpu)]
    needed = [recipe.name for recipe in wanted if not (recipe.needs_gpu and gpu == NO_GPU)]
    return max(answer["marks"][name]["at"] for name in needed) if set(needed) <= answer["marks"].keys() else 0


def _about_door(host: Host, answer: Overview) -> Iterator[str]:
    """Say where the web interface is, and by which certificate a browser knows it."""
    if door.RECIPE in answer["marks"]:
        known = door.noted(host)
        yield f"{door.url(host)}; {'its certificate:' if known else 'fab password makes its login'}"
        yield from filter(None, [known])


def _about_volume(host: Host, volume: Volume, *, mounted: bool) -> Iterator[str]:
    """Say what the job volume is and how old its newest snapshot; what could not be asked is said to be unknown."""
    target = host.target or Target()
    if not volume:
        yield f"none; {target.mount_point} is a plain directory"
        return
    if not mounted:
        yield f"{volume.get('id', target.volume_id)} is not mounted on {target.mount_point}"
    if problem := volume.get("problem"):
        yield f"{target.volume_id}; its snapshots are not known: {problem.splitlines()[0]}"
        return
    yield f"{volume['id']}, {volume['size_gib']} GiB, {volume['state']}; {_snapshots(volume['snapshots'])}"


def _snapshots(snapshots: Sequence[Snapshot]) -> str:
    """Say how old the newest whole snapshot is, and what is the matter with those after it."""
    whole = next((one for one in snapshots if one["state"] == COMPLETED), None)
    newer = snapshots[: snapshots.index(whole)] if whole else snapshots
    last = f"last snapshot {minute(whole['at'])}, {whole['id']}" if whole else "no snapshot yet"
    return ", ".join([last, *(f"{one['id']} of {minute(one['at'])} is {one['state']}" for one in newer)])


def _dataset(row: DataSet) -> str:
    """Return a data set's name and counts."""
    if not row["whole"]:
        return f"{row['name']} is not whole: in the making, or cut off (the command that began it goes on)"
    counts = ", ".join(f"{count} {what}" for what, count in row["counts"].items() if count)
    return f"{row['name']}{f': {counts}' if counts else ''}"


def _versioned(name: str, mark: Mark) -> str:
    return f"{name} {mark['version']}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f}"
