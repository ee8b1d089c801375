"""Runs: started, fetched, resumed; and what has to be there afterwards."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.faults.box_moments import GATE, is_up, let_go
from tests.faults.moment import Moment
from tests.faults.world import World
from tests.kit.wait import until

RUN = f"echo half >$GPURIG_RESULTS/half; sync; {GATE}; echo whole >$GPURIG_RESULTS/whole; echo the end"
BIG = "mkdir -p $GPURIG_RESULTS; for i in 1 2 3 4 5 6; do head -c 40M /dev/urandom >$GPURIG_RESULTS/$i; done"


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
        if "exited,0" in end and "stopping" not in end:
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


MOMENTS = {
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
    "resume": Moment(
        words=lambda world: ("fab", "resume", world.name, "--detach"),
        before=_cut_off,
        call="StartInstances",
        calls=3,
        honest=_no_half_run,
        done=_goes_on,
    ),
}
