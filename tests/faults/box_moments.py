"""What a user does with a box: set it up, run, fetch, stop, start, resume; and what has to be there afterwards."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

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
VERIFY = "test -e /srv/faulty/half\n"
"""True of what is half done: what keeps that from counting is the runner's own account."""
RUN = f"echo half >$GPURIG_RESULTS/half; sync; {GATE}; echo whole >$GPURIG_RESULTS/whole; echo the end"
BIG = "mkdir -p $GPURIG_RESULTS; for i in 1 2 3 4 5 6; do head -c 40M /dev/urandom >$GPURIG_RESULTS/$i; done"
MARK, BEGUN = "/var/lib/gpurig/marks/faulty.json", "/var/lib/gpurig/begun/faulty"


def is_up(world: World) -> None:
    """Have a box that runs and is set up, with something precious on its volume; and the way through it open."""
    made(world)
    (row,) = world.instances()
    if row["State"]["Name"] != "running":
        world.works("fab", "start")
    if world.box != Box(row["InstanceId"]):
        world.box = Box(row["InstanceId"])
        write_recipe(world.user.project / "templates/recipes/faulty", "minutes = 2", install=INSTALL, verify=VERIFY)
        world.works("fab", "setup-base")
        world.treasure()
    world.on_box("until mountpoint -q /jobs; do sleep 0.1; done; rm -f /jobs/go")


def let_go(world: World) -> None:
    """Let what waits on the box go on."""
    until(lambda: world.has("mountpoint -q /jobs"))
    world.on_box("touch /jobs/go")


# -- setup


def _not_set_up(world: World) -> None:
    is_up(world)
    world.on_box(f"umount /srv/faulty 2>/dev/null; rm -rf /srv/faulty {MARK} {BEGUN}")
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


# -- run, and resume


def _runs(world: World) -> dict[str, Any]:
    rows = [json.loads(line) for line in world.works("fab", "ps", "--json").splitlines() if line.startswith("{")]
    return {row["name"]: row for row in rows}


def _half_run(world: World) -> bool:
    return world.has(f"test -s /jobs/runs/{world.name}/results/half")


def _no_half_run(world: World) -> None:
    whole = f"test -e /jobs/runs/{world.name}/results/whole"
    if world.state() == "running" and world.has("mountpoint -q /jobs"):
        end = world.on_box(f"cat /jobs/runs/{world.name}/end 2>/dev/null || true").strip("\0 \n")
        if "exited,0" in end:
            assert world.has(whole), "a run that is half done has ended well"


def _run_again(world: World, words: tuple[str, ...]) -> list[str]:
    """What a user does who wants his run: look, wait, resume what was cut off, type it again where it never began."""
    did = world.again("fab", "ps")
    let_go(world)
    row = _runs(world).get(world.name)
    if row and row["state"] != "running" and row["state"] != "done":
        # The name is taken, and that is said with the way out.
        refused = world.run(*words)
        assert refused.code == 2, refused
        assert f'a run "{world.name}" already' in refused.said, refused
    if row is None:
        return [*did, *world.again(*words)]
    if row["state"] == "running":
        world.works("fab", "logs", world.name, "--follow")
    elif row["resumable"]:
        did += [f"fab resume {world.name}", *world.again("fab", "resume", world.name)]
    elif row["state"] != "done":
        world.name += "-again"
        did += [f"fab run --name {world.name}", *world.again(*_run_words(world))]
    return did


def _run_words(world: World) -> tuple[str, ...]:
    return ("fab", "run", "--name", world.name, "--", RUN)


def _ran(world: World) -> None:
    row = _runs(world)[world.name]
    assert (row["state"], row["code"]) == ("done", 0)
    assert world.on_box(f"cat /jobs/runs/{world.name}/results/whole") == "whole\n"


def _cut_off(world: World) -> None:
    """Have a run that the end of its box cut off."""
    is_up(world)
    world.works("fab", "run", "--name", world.name, "--detach", "--", RUN)
    until(lambda: _half_run(world))
    world.works("fab", "stop", "--yes")


def _goes_on(world: World) -> None:
    until(lambda: _runs(world)[world.name]["state"] == "running")
    let_go(world)
    until(lambda: _runs(world)[world.name]["state"] != "running")
    _ran(world)


# -- fetch


def _results(world: World) -> Path:
    return world.user.project / "fetched" / world.name


def _to_fetch(world: World) -> None:
    is_up(world)
    if not world.has("test -e /jobs/runs/big/results/6"):
        world.works("fab", "run", "--name", "big", "--", BIG)


def _sums(world: World) -> dict[str, str]:
    lines = world.on_box("cd /jobs/runs/big/results && sha256sum *").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def _no_half_file(world: World) -> None:
    whole = _sums(world) if world.has("mountpoint -q /jobs") else {}
    for path in _results(world).glob("[0-9]"):
        assert not whole or hashlib.sha256(path.read_bytes()).hexdigest() == whole[path.name], f"{path} is half there"


def _fetched(world: World) -> None:
    _no_half_file(world)
    assert {path.name for path in _results(world).glob("[0-9]")} == set(_sums(world))
    for path in _results(world).glob("*"):
        path.unlink()


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
    "run": Moment(
        words=_run_words,
        before=is_up,
        middle=_half_run,
        release=let_go,
        honest=_no_half_run,
        again=_run_again,
        done=_ran,
    ),
    "fetch": Moment(
        words=lambda world: ("fab", "fetch", "big", "--into", str(_results(world))),
        before=_to_fetch,
        middle=lambda world: (_results(world) / "1").exists(),
        honest=_no_half_file,
        done=_fetched,
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
    "resume": Moment(
        words=lambda world: ("fab", "resume", world.name, "--detach"),
        before=_cut_off,
        call="StartInstances",
        calls=3,
        honest=_no_half_run,
        done=_goes_on,
    ),
}
