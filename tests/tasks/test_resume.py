"""What `fab resume` chooses, what it needs first, and what it refuses."""

from __future__ import annotations

import dataclasses
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
from tests.kit.cloud import Wired, serve
from tests.kit.cloud import run as launch
from tests.kit.fab import fab, host_row, outputs, pulumi_that_says, refused

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


@dataclasses.dataclass
class Stack:
    """A stack whose boxes are not up: a cloud without boxes, a `pulumi` that tells of them, and a user's folder."""

    folder: Path
    wired: Wired
    ids: list[str]

    def env(self) -> dict[str, str]:
        rows = [host_row(name=f"box-{number}", instanceId=one) for number, one in enumerate(self.ids, 1)]
        path = pulumi_that_says(self.folder, stdout=outputs(*rows))
        return {**self.wired.cloud.env, "PATH": path, "HOME": str(self.folder)}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stopped box, and one that is gone."""
    (tmp_path / "cloud").mkdir()
    with serve(tmp_path / "cloud") as wired:
        stopped, lost = (launch(wired.ec2)["InstanceId"] for _ in range(2))
        wired.ec2.stop_instances(InstanceIds=[stopped])
        wired.ec2.terminate_instances(InstanceIds=[lost])
        yield Stack(tmp_path, wired, [stopped, lost])


def test_the_plan_says_what_becomes_of_each_box_and_makes_nothing(stack: Stack) -> None:
    said = fab(stack.folder, "resume", "--plan", code=0, **stack.env()).stderr
    assert f"box-1 ({stack.ids[0]}) is stopped" in said
    assert "box-1: it would be started" in said
    assert f"box-2 ({stack.ids[1]}) was terminated" in said
    assert "box-2: the next one would be made by `pulumi up --yes" in said
    assert not stack.wired.cloud.calls("StartInstances")


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("the passphrase is wrong", "`pulumi up` failed, and the box is gone"),
        ("api error InsufficientInstanceCapacity: none", "looking elsewhere, as `fab up` does"),
    ],
)
def test_where_pulumi_makes_no_box_nothing_is_started(stack: Stack, why: str, said: str) -> None:
    env = stack.env()
    refuse = f'[ "$1" = up ] && {{ echo "$@" >"{stack.folder}/asked"; echo "{why}"; exit 5; }}'
    elsewhere = '[ "$1" = config ] && exit 6'
    (stack.folder / "pulumi").write_text(f'#!/bin/sh\n{refuse}\n{elsewhere}\ncat "{stack.folder}/stdout"\n')
    done = fab(stack.folder, "resume", code=1, **env)
    assert said in done.stderr
    assert (stack.folder / "asked").read_text().split() == ["up", "--yes", "--skip-preview", "--refresh"]
    assert not stack.wired.cloud.calls("StartInstances")
