"""The main job, told by the commands that the user will type: create, provision, use, destroy, restore."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError
from rehearsal.story import doors, on_card
from rehearsal.story.leftovers import only_snapshots
from rehearsal.story.telling import Story
from rehearsal.user import User

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any
    from urllib.request import OpenerDirector

    from rehearsal.site import Site

JOB = "20260101-120000-cafe"
"""A job directory's name, in DIGITS' own form."""
BOOT = "systemctl show --property=UserspaceTimestampMonotonic --value"
"""What to ask a box to tell one boot from another."""


def tell(site: Site, *, boxes: bool, card: Mapping[str, Any] | None = None) -> Story:
    """Run the whole story. Raises `RehearsalError` at the first thing that is not as it should be.

    `card`: this machine's, which the stack asks for then. That is configured in a copy of the project.
    """
    story = Story(site, boxes, folder=User.arrives(site).project) if card else Story(site, boxes)
    with story.chapter("create"):
        story.do("pulumi", "stack", "select", site.stack, "--create")
        if card:
            on_card.configure(story, card)
        story.do("pulumi", "up", "--yes")
    if boxes:
        _first_box(story, card)
    with story.chapter("nothing drifts"):
        story.do("pulumi", "preview", "--expect-no-changes")
        story.do("pulumi", "refresh", "--yes", "--expect-no-changes")
    with story.chapter("destroy: only the job volume's snapshot stays"):
        story.do("pulumi", "destroy", "--yes")
        only_snapshots(site.cloud)
    with story.chapter("create again"):
        story.do("pulumi", "up", "--yes")
    if boxes:
        with story.chapter("the job is back, byte for byte"):
            story.do("fab", "setup-base")
            _check_job(story)
    with story.chapter("destroy for good"):
        story.do("pulumi", "destroy", "--yes")
        only_snapshots(site.cloud)
    return story


def _first_box(story: Story, card: Mapping[str, Any] | None) -> None:
    """Boot, provision, use and reboot the first box, and leave a job on its volume."""
    with story.chapter("boot: cloud-init formats and mounts the job volume"):
        story.do("fab", "setup-base")
        story.system = json.loads(story.ask("fab", "status", "--json"))["os"]
        host = story.host()
        mount = host["mountPoint"]
        story.on_box(f"findmnt --output SOURCE,FSTYPE,SIZE,TARGET {mount}")
        if card:
            on_card.check_seen(story, card)
    with story.chapter("provision: base, door, cuda, cudnn, caffe, digits over SSH"):
        story.do("fab", "plan")
        story.do("fab", "setup-digits")
    with story.chapter("use: DIGITS through the tunnel and directly, and for nobody else"):
        doors.tunnel(story.site)
        user = doors.direct(story, host)
        doors.stranger(story.site, host)
    if story.site.trains or card:
        with story.chapter("train: a data set and a network through DIGITS' REST interface"):
            story.do("fab", "example-digits", "--into", str(story.site.state / "results"))
    if card:
        with story.chapter("train on the card: PyTorch"):
            on_card.train(story)
    with story.chapter("nothing to do: the same command again"):
        _write_job(story, mount)
        _nothing_to_do(story)
    with story.chapter("reboot: volume and DIGITS come back by themselves"):
        _reboot(story, mount, user)


def _write_job(story: Story, mount: str) -> None:
    """Leave a job directory on the volume, and its checksums with the story."""
    folder = f"{mount}/digits/{JOB}"
    make = (
        f"mkdir -p {folder} && head -c 8M /dev/urandom > {folder}/snapshot_iter_100.caffemodel && date > {folder}/log"
    )
    story.on_box(make)
    sums = story.on_box(f"cd {folder} && sha256sum *")
    (story.site.state / "job.sha256").write_text(sums, encoding="utf-8")


def _check_job(story: Story) -> None:
    """Compare the restored job directory with the checksums of the one that was left."""
    mount = story.host()["mountPoint"]
    expected = (story.site.state / "job.sha256").read_text(encoding="utf-8")
    if not expected.strip() or story.on_box(f"cd {mount}/digits/{JOB} && sha256sum *") != expected:
        raise RehearsalError(f"the restored job directory {JOB} is not the one that was left")
    print(f"  the same {hashlib.sha256(expected.encode()).hexdigest()[:12]} as before", flush=True)


def _nothing_to_do(story: Story) -> None:
    """Run `fab setup-digits` on a box that has it, and hold it to its word."""
    began = time.monotonic()
    out = story.do("fab", "setup-digits", quiet=True)
    print(out, end="")
    print(f"  {time.monotonic() - began:.2f} s from start to exit", flush=True)
    if "nothing to do" not in out:
        raise RehearsalError("`fab setup-digits` on a finished box did not say that there is nothing to do")


def _reboot(story: Story, mount: str, user: OpenerDirector) -> None:
    """Restart the box from inside and wait until all of it is back."""
    host = story.host()
    before = story.ask("fab", "ssh", "--command", BOOT)
    with contextlib.suppress(RehearsalError):  # the connection may break before ssh has its exit code
        story.on_box("sudo systemctl reboot")
    deadline = time.monotonic() + 120
    while True:
        with contextlib.suppress(RehearsalError):
            if story.ask("fab", "ssh", "--command", BOOT) != before:
                break
        if time.monotonic() > deadline:
            raise RehearsalError("the box did not come back within 120 s of its reboot")
        time.sleep(0.5)
    doors.came(f"https://{host['address']}:5000{doors.HEALTH}", 90, user)
    story.on_box(f"findmnt --noheadings --output TARGET {mount} && ls {mount}/digits")
