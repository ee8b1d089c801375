"""What `fab resume` chooses, what it needs first, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.agent.words import RunState
from provision.catalogue.catalogue import Catalogue
from provision.life import cut_off
from provision.model.errors import BadInput, NotHere
from provision.model.host import Host
from provision.model.run import Run
from provision.model.target import Target
from tests.kit.fab import fab, refused
from tests.kit.power import Rig, rig

HOST = Host(name="box", address="192.0.2.7", recipe="digits", target=Target(gpu="T4"))


def run(name: str, **fields: Any) -> Run:
    told = {"command": f"python {name}.py", "state": RunState.INTERRUPTED, "since": 1.0, "seconds": 1.0}
    return Run(**{"name": name, "resumable": True, **told, **fields})


def test_what_was_cut_off_goes_on_in_the_order_in_which_it_began() -> None:
    done = run("done", state=RunState.DONE, resumable=False)
    going = run("going", state=RunState.RUNNING, resumable=False)
    there = [run("late", since=3.0), done, going, run("early", since=2.0)]
    assert [one.name for one in cut_off.chosen(there, [], HOST)] == ["early", "late"]
    assert [one.name for one in cut_off.chosen(there, ["late"], HOST)] == ["late"]
    assert cut_off.chosen(there, ["going"], HOST) == []
    with pytest.raises(BadInput, match="done is done: nothing cut it off"):
        cut_off.chosen(there, ["late", "done"], HOST)
    with pytest.raises(NotHere, match='no run "never" on box'):
        cut_off.chosen(there, ["never"], HOST)


@pytest.mark.parametrize(
    ("runs", "there", "wanted"),
    [
        ([], [], []),
        ([run("a", installed=())], ["base"], []),
        ([run("a", installed=("base", "cuda", "cudnn"))], ["base"], ["cudnn"]),
        ([run("a", installed=("base",), recipe="pytorch"), run("b", installed=("base", "caffe"))], [], None),
        ([run("a", installed=None)], ["base"], ["digits"]),
        ([run("a", installed=("base", "of-somebody-else"))], ["base"], []),
    ],
)
def test_what_was_on_the_box_of_a_run_is_set_up_first(
    runs: list[Run], there: list[str], wanted: list[str] | None
) -> None:
    assert cut_off.needs(runs, HOST, there, Catalogue()) == (["caffe", "pytorch"] if wanted is None else wanted)


def test_it_goes_on_by_the_command_that_was_given_for_that() -> None:
    assert cut_off.how(run("a", resume="python a.py\n --from last")) == "python a.py --from last"
    assert cut_off.how(run("a")) == "python a.py"
    assert cut_off.how(run("a", asked="fab dataset-get mnist")) == "fab dataset-get mnist"


def test_two_answers_to_one_question_are_refused(tmp_path: Path) -> None:
    said = refused(tmp_path, "run", "--resume", "python b.py", "--no-resume", "--", "python", "a.py")
    assert "--resume and --no-resume" in said


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


def test_the_plan_says_what_becomes_of_each_box_and_makes_nothing(lab: Rig) -> None:
    stopped, lost = lab.launch("box"), lab.launch("box-2")
    lab.stop(stopped)
    lab.ec2.terminate_instances(InstanceIds=[lost.id])
    said = lab.fab("resume", "--plan").stderr
    assert f"box ({stopped.id}) is stopped" in said
    assert "box: it would be started" in said
    assert "box-2: the next one would be made by `pulumi up --yes" in said
    calls = {call["action"] for call in lab.wired.cloud.calls()}
    assert not {"StartInstances"} & calls


def test_where_pulumi_makes_no_box_nothing_is_started(lab: Rig) -> None:
    box = lab.launch()
    lab.ec2.terminate_instances(InstanceIds=[box.id])
    env = lab.env()
    (lab.folder / "pulumi").write_text(
        f'#!/bin/sh\n[ "$1" = up ] && {{ echo "$@" >"{lab.folder}/asked"; exit 5; }}\ncat "{lab.folder}/stdout"\n'
    )
    done = fab(lab.folder, "resume", code=1, **env)
    assert "pulumi up ended with exit code 5" in done.stderr
    assert "the same command goes on: fab resume" in done.stderr
    assert (lab.folder / "asked").read_text().split()[:2] == ["up", "--yes"]
    assert "--refresh" in (lab.folder / "asked").read_text()
