"""What a user does with a box: set it up, run, fetch, stop, start, resume; and what has to be there afterwards."""

from __future__ import annotations

import hashlib
import json

from tests.faults.account_moments import made
from tests.faults.box import Box
from tests.faults.moment import Moment
from tests.faults.world import World
from tests.kit.recipes import write_recipe
from tests.kit.wait import until

FILE = b"what the recipe downloads\n" * 40_000
SUM = hashlib.sha256(FILE).hexdigest()
GATE = "until [ -e /jobs/go ]; do sleep 0.1; done"
INSTALL = f"""
mkdir -p /srv/faulty
echo >/srv/faulty/half
{GATE}
apt_locked dpkg --configure -a
download "$(cat /srv/faulty.url)" {SUM} /srv/faulty/file
echo >/srv/faulty/whole
"""
RECIPE = 'needs = ["base"]\nminutes = 2'
VERIFY = "test -e /srv/faulty/half\n"
"""True of what is half done: what keeps that from counting is the runner's own account."""
IDLE = "! pgrep -f '[p]rovision.agent.setup|[/]jobs/go'"
MARK, BEGUN = "/var/lib/gpurig/marks/faulty.json", "/var/lib/gpurig/begun/faulty"


def is_up(world: World) -> None:
    """Have a box that runs and is set up, with something precious on its volume; and the way through it open."""
    made(world)
    (row,) = world.instances()
    if row["State"]["Name"] != "running":
        world.works("fab", "start")
    if world.box != Box(row["InstanceId"]):
        world.box = Box(row["InstanceId"])
        write_recipe(world.user.project / "templates/recipes/faulty", RECIPE, install=INSTALL, verify=VERIFY)
        world.works("fab", "setup-base")
        world.treasure()
    # What an earlier fault has left going on, a setup or a run, comes to its end first.
    let_go(world)
    until(lambda: world.has(IDLE))
    world.on_box("rm -f /jobs/go")


def let_go(world: World) -> None:
    """Let what waits on the box go on."""
    until(lambda: world.has("mountpoint -q /jobs"))
    world.on_box("touch /jobs/go")


# -- setup


def _not_set_up(world: World) -> None:
    is_up(world)
    world.on_box(f"umount /srv/faulty 2>/dev/null; rm -rf /srv/faulty {MARK} {BEGUN} /jobs/.gpurig/kept/download-*")
    world.on_box(f"echo {world.serve('faulty', FILE)} >/srv/faulty.url")


def _no_half_setup(world: World) -> None:
    look = f"ls -l --full-time {MARK} {BEGUN} /srv/faulty 2>&1; tail -n 12 /var/lib/gpurig/journal.jsonl"
    # In one look: a setup may go on meanwhile.
    half = f"test -e {MARK} && ! test -e {BEGUN} && ! test -e /srv/faulty/whole"
    assert not world.has(half), f"a recipe that is half there has its mark: {world.on_box(look)}"


def _set_up(world: World) -> None:
    assert world.on_box("sha256sum </srv/faulty/file").split()[0] == SUM
    assert world.has(f"test -e {MARK} && ! test -e {BEGUN}")
    ready = json.loads(world.on_box("cat /var/lib/gpurig/ready.json"))
    assert ready["name"] == "faulty"
    assert "nothing to do" in world.works("fab", "setup-faulty")


# -- find, stop and start


def _moved(world: World) -> None:
    """Have the box at another address than the one that is known."""
    is_up(world)
    assert world.box
    world.ec2.stop_instances(InstanceIds=[world.box.instance_id])
    world.ec2.start_instances(InstanceIds=[world.box.instance_id])


def _found(world: World) -> None:
    world.works("fab", "ps")


def _off(world: World) -> None:
    is_up(world)
    world.works("fab", "stop", "--yes")


def _stopped(world: World) -> None:
    assert world.state() == "stopped"
    world.works("fab", "start")


def _started(world: World) -> None:
    assert world.state() == "running"
    assert world.on_box("until mountpoint -q /jobs; do sleep 0.1; done; echo there") == "there\n"
    assert world.works("fab", "ssh", "--command", "cat /jobs/treasure/a | head -c 3") == "abc"


MOMENTS = {
    "setup": Moment(
        words=lambda _: ("fab", "setup-faulty"),
        before=_not_set_up,
        middle=lambda world: world.has("test -s /srv/faulty/half"),
        release=let_go,
        honest=_no_half_setup,
        done=_set_up,
    ),
    "find": Moment(words=lambda _: ("fab", "ps"), before=_moved, call="DescribeInstances", done=_found),
    "stop": Moment(
        words=lambda _: ("fab", "stop", "--yes"), before=is_up, call="StopInstances", calls=1, done=_stopped
    ),
    "start": Moment(
        words=lambda _: ("fab", "start"),
        before=_off,
        call="StartInstances",
        calls=3,
        middle=lambda world: bool(world.box and world.box.leader()),
        done=_started,
    ),
}
