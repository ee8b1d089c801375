"""A box's whole life: looked for, made, used with the laptop closed, taken, resumed, stopped, started, torn down."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from rehearsal.errors import RehearsalError
from rehearsal.story.leftovers import only_snapshots
from rehearsal.story.telling import Story
from rehearsal.user import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.site import Site

STEPS = 60
"""Steps of the training, some a second: it outlasts the box that it begins on."""
MOST_USD = 0.60
"""What a box may cost an hour: the type that the stack names, on demand, and a little."""
MAX_HOURS = 4
"""Less than the seven hours after which AWS stops a box for its idle CPUs, by this stack's settings."""
AFTER = 1800
"""Seconds by which AWS's end, and then its snapshot of the volume, come after the box's own timer, and some more."""
SCHEDULER = "scheduler.amazonaws.com"
NOTICE_SECONDS = 20
"""EC2 gives two minutes; nobody has to wait that long here."""
PATIENCE = 180
TRAIN = f"""\
import json, os, pathlib, signal, sys, time
results = pathlib.Path(os.environ["GPURIG_RESULTS"])
checkpoint, log = results / "checkpoint.json", results / "steps.txt"
step = json.loads(checkpoint.read_text())["step"] if "--resume" in sys.argv else 0
print("resumed" if os.environ.get("GPURIG_RESUMED") else "begun", "at step", step, flush=True)
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
while step < {STEPS}:
    step += 1
    with log.open("a") as file:
        print(step, file=file)
    time.sleep(0.5)
    if asked:
        checkpoint.write_text(json.dumps({{"step": step}}))
        sys.exit("asked to end: a checkpoint at step %d" % step)
checkpoint.write_text(json.dumps({{"step": step}}))
print("done", flush=True)
"""
"""A training with a checkpoint, that ends when it is asked to: what a run has to be for a spot box."""


def tell(site: Site) -> Story:
    """Run the whole story. Raises `RehearsalError` at the first thing that is not as it should be."""
    user = User.arrives(site)
    story = Story(site, boxes=True, folder=user.project)
    user.config("maxHours", str(MAX_HOURS))
    with story.chapter("doctor: what would go wrong, before anything is billed"):
        story.do("fab", "doctor")
    with story.chapter("offers: what can run it, and where, the cheapest first"):
        story.do("fab", "offers", "--spot", "--max-price", str(MOST_USD))
    with story.chapter("up: the cheapest spot box that there is"):
        story.do("fab", "up", "--spot", "--max-price", str(MOST_USD))
    _train(story, user)
    _taken(story)
    _resumed(story)
    _ceiling(story)
    with story.chapter("destroy: the job volume's snapshot stays, and nothing without an owner"):
        story.do("pulumi", "destroy", "--yes")
        only_snapshots(site.cloud)
        story.do("fab", "orphans")
    return story


def _train(story: Story, user: User) -> None:
    """Set the box up, send a training, start it, and close the laptop."""
    folder = user.project / "lenet"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN, encoding="utf-8")
    with story.chapter("a detached run: it goes on with the laptop closed"):
        story.do("fab", "setup-base")
        story.do("fab", "sync", "lenet")
        resume = ("--resume", "python3 train.py --resume")
        story.do("fab", "run", "--detach", "--name", "train", "--folder", "lenet", *resume, "--", "python3", "train.py")
        print("  the laptop is closed: no process of it is left", flush=True)
        _until("the run goes on by itself", lambda: _steps(story) >= STEPS // 6)


def _taken(story: Story) -> None:
    """Have EC2 take the box back, which has time enough to end in order."""
    instance = story.host()["instanceId"]
    with story.chapter(f"spot: EC2 takes the box back, with {NOTICE_SECONDS} s of notice"):
        story.site.cloud.interrupt(instance, NOTICE_SECONDS)
        _until("the box is taken", lambda: _state(story, instance) == "terminated")


def _resumed(story: Story) -> None:
    """Bring the next box with the same volume, and the run goes on from its checkpoint to its end."""
    with story.chapter("resume: the next box, on demand, where there is room; jobs and run go on there"):
        story.do("pulumi", "config", "set", "gpurig:spot", "false")
        story.do("pulumi", "config", "rm", "gpurig:spotMaxPrice")
        # Where the volume is EC2 has no room now: the jobs follow to another zone, by a snapshot.
        story.site.cloud.fault(
            "RunInstances", code="InsufficientInstanceCapacity", message="no room in this zone", times=2
        )
        story.do("fab", "resume", "--detach")
    with story.chapter("fetch: every step was made once, by two boxes"):
        _until("the run ends", lambda: _steps(story) >= STEPS)
        results = story.site.state / "results"
        story.do("fab", "fetch", "train", "--into", str(results))
        steps = (results / "steps.txt").read_text(encoding="utf-8").split()
        if steps != [str(number + 1) for number in range(STEPS)]:
            raise RehearsalError(f"the results should have the steps 1 to {STEPS}, once each, and have {len(steps)}")


def _ceiling(story: Story) -> None:
    """Let the clock pass the ceiling: AWS stops the box, whatever it or the laptop does; then start it again."""
    cloud, instance = story.site.cloud, story.host()["instanceId"]
    with story.chapter(f"the ceiling: AWS stops the box after {MAX_HOURS} h"):
        cloud.advance(MAX_HOURS * 3600 + AFTER)
        _until("the box is stopped", lambda: _state(story, instance) == "stopped")
        by = [
            call["by"]
            for call in cloud.calls()
            if call["action"] in ("StopInstances", "CreateSnapshot") and "by" in call
        ]
        if by != [SCHEDULER] * 2:
            raise RehearsalError(f"AWS's schedules should have stopped the box and kept its volume; it was {by}")
        print(
            "  AWS's schedules stopped it and took a snapshot of its volume; nothing of the box or laptop did",
            flush=True,
        )
        story.do("fab", "cost")
    with story.chapter("start: the same box at another address, with a ceiling of its own again"):
        story.do("fab", "start")
        story.do("fab", "status")


def _state(story: Story, instance: str) -> str:
    """Return the state of an instance, as EC2 tells it."""
    found = story.site.cloud.client("ec2").describe_instances(InstanceIds=[instance])
    state: str = found["Reservations"][0]["Instances"][0]["State"]["Name"]
    return state


def _steps(story: Story) -> int:
    """Return how many steps the training has made."""
    with contextlib.suppress(RehearsalError, ValueError):
        return int(story.ask("fab", "ssh", "--command", "wc -l </jobs/runs/train/results/steps.txt"))
    return 0


def _until(what: str, holds: Callable[[], bool]) -> None:
    """Wait until something is so. Raises `RehearsalError` where it does not come about."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise RehearsalError(f"not so within {PATIENCE} s: {what}")
        time.sleep(1)
    print(f"  {what}", flush=True)
