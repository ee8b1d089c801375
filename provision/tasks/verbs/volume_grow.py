"""`fab volume-grow`: larger job volumes by `pulumi up`, and their file systems with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from provision.agent.verbs import Verb
from provision.agent.wire import answers
from provision.model.checks import whole_of
from provision.model.errors import BadInput, GpurigError
from provision.model.schema import plain
from provision.storage.volumes import JobVolume
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.transport.settings import output_of, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

KEY = "gpurig:jobVolumeGib"
NAMED = "gpurig:jobVolume"
GIB = 2**30
OPTIONS = {
    "size": "GiB that the job volume of every host of the stack is to have",
    "yes": "do not ask: `pulumi up --yes`",
}
UNCHANGED = ("same", "read", "refresh")
"""Steps of Pulumi that change nothing in the cloud."""
JOB_VOLUME = "gpurig:infra:JobVolume$aws:ebs/volume:Volume"
"""In the URNs of the volumes that the program makes for jobs."""
STOPPED = "stopped; `fab volume-status` tells how large the volumes are, and the same command goes on"


@verb(options=OPTIONS, limit="", stopped=STOPPED)
def volume_grow(c: Context, size: str, *, yes: bool = False) -> None:
    """Enlarge the job volumes of the stack and, while they are in use, the file systems on them."""
    hosts = c.hosts
    if (gib := whole_of(size)) is None:
        raise BadInput([f"--size {plain(size)}: write a whole number of GiB"])
    volumes = [JobVolume.of(host) for host in hosts]
    problems = [
        f"{volume.id} of {volume.host} has {volume.size_gib} GiB already, and a volume never shrinks"
        for volume in volumes
        if volume.size_gib > gib
    ]
    if problems:
        raise BadInput(problems, hint="a smaller one: fab volume-snapshot, and copy what you need to a new stack's")
    if any(volume.size_gib < gib for volume in volumes):
        _enlarge(volumes, gib, yes=yes)

    def grow(session: Session, out: View) -> None:
        there = session.answer({"verb": Verb.GROW, "bytes": gib * GIB}, answers.Volume)
        free, total = there["free"] / GIB, there["total"] / GIB
        out.line(f"the job volume of {session.host} has {size} GiB: {free:.1f} of {total:.1f} GiB are free")

    c.each_session(grow)


def _enlarge(volumes: Sequence[JobVolume], size: int, *, yes: bool) -> None:
    """Set the size and bring the stack up; where no volume grew, the size is set back. Raises `GpurigError`."""
    _refuse_named(volumes, size)
    before = _setting(KEY)
    try:
        _do("config", "set", KEY, str(size), wrong=f"{KEY} could not be set; nothing was changed")
        _refuse_other_changes()
        _do("up", *(["--yes", "--skip-preview"] if yes else []), wrong="`pulumi up` did not enlarge the volumes")
    except BaseException:
        _set_back(volumes, before)
        raise


def _refuse_named(volumes: Sequence[JobVolume], size: int) -> None:
    """Raise `BadInput` for volumes that the user has named: Pulumi attaches those, and leaves them as they are."""
    named = [volume for volume in volumes if volume.id in _setting(NAMED) and volume.size_gib < size]
    if named:
        by_hand = [f"aws ec2 modify-volume --volume-id {volume.id} --size {size}" for volume in named]
        problems = [f"{NAMED} names {volume.id} of {volume.host}: `pulumi up` does not enlarge it" for volume in named]
        raise BadInput(problems, hint="\n".join([*by_hand, "then the same command grows the file system"]))


def _refuse_other_changes() -> None:
    """Raise `BadInput` where `pulumi up` would do more than change job volumes in place: a box may be in use."""
    tell("asking `pulumi preview` what would change")
    try:
        steps = json.loads(output_of("preview", "--json")).get("steps", ())
    except ValueError:  # also of "", where it failed
        run("preview")  # which says why, where the user sees it
        hint = "once the reason, above, is gone, the same command again"
        raise GpurigError("`pulumi preview` does not tell what would change: nothing was enlarged", hint=hint) from None
    if others := _others(steps):
        hint = (
            "`pulumi preview --diff` shows these changes; `pulumi up` makes them, or take back the setting that is\n"
            "behind them; then the same command enlarges the volumes"
        )
        raise BadInput(["`pulumi up` would change more than the job volumes, so nothing was done:", *others], hint=hint)


def _others(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a preview would do to anything but job volumes, a line for each resource."""
    found: dict[str, set[str]] = {}
    for step in steps:
        grows = step["op"] == "update" and JOB_VOLUME in step["urn"]
        if step["op"] not in UNCHANGED and not grows:
            found.setdefault(step["urn"], set()).add(step["op"])
    lines = []
    for urn, ops in found.items():
        kind, name = urn.split("::")[2].rpartition("$")[2], urn.split("::")[-1]
        # A replacement is several steps: its own, and one for each of the two resources.
        doing = "replace" if "replace" in ops else ", ".join(sorted(ops))
        if not kind.startswith("gpurig:"):  # a component of ours: what is in it has lines of its own
            lines.append(f"  {doing} {kind} {name}")
    return lines


def _set_back(volumes: Sequence[JobVolume], before: str) -> None:
    """Put the setting back as it was, unless a volume has grown: it could not follow a smaller one."""
    way = f"pulumi config set {KEY} {before}" if before else f"pulumi config rm {KEY}"
    try:
        now = [JobVolume.of(volume.host) for volume in volumes]
    except GpurigError as error:
        tell(f"{KEY} stays, as it is not known whether a volume grew ({error.what}); where none did: {way}")
        return
    grown = [new for new, old in zip(now, volumes, strict=True) if new.size_gib > old.size_gib]
    if grown:
        tell(f"{KEY} stays: {', '.join(volume.id for volume in grown)} grew; the same command goes on with the others")
        return
    if run(*way.split()[1:]) == 0:
        tell(f"{KEY} is as it was: {before or 'not set'}")


def _setting(key: str) -> str:
    """Return a setting of the selected stack as text, "" where it is not set."""
    return output_of("config", "get", key)


def _do(*words: str, wrong: str) -> None:
    """Run `pulumi` for the user. Raises `GpurigError` that says what went `wrong` where it fails."""
    if run(*words):
        raise GpurigError(wrong, hint="what `pulumi` said is above")
