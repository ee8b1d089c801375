"""What one training on several hosts is started with, and why it is not: without a host."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from provision.model.errors import BadInput
from provision.model.host import Host
from provision.work import together
from provision.work.together import Look

HOSTS = [Host(name=name, address=f"192.0.2.{n}", inner=f"10.0.0.{n}") for n, name in enumerate(["box", "box-2"], 5)]


def seen(**changes: Any) -> Look:
    """Return what a host says that is as it should be, but for the changes."""
    return Look(**{"torch": "2.14.1", "gpus": 0, "port": 40000, "wrong": (), "runs": frozenset(), **changes})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train.py --epochs 3 'a b'", ["train.py", "--epochs", "3", "a b"]),
        ("/jobs/work/x/train.py", ["/jobs/work/x/train.py"]),
        ("-m pkg.train --fast", ["-m", "pkg.train", "--fast"]),
    ],
)
def test_the_words_are_a_script_s(command: str, words: list[str]) -> None:
    assert together.words_of(command) == words


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("", "no script"),
        ("python train.py", '"python": --all-hosts starts torchrun, which starts Python'),
        ("torchrun train.py", '"torchrun": --all-hosts starts torchrun'),
        ("--nnodes 2 train.py", '"--nnodes"'),
        ("-m", '"-m"'),
        ("train.py 'open", "No closing quotation"),
    ],
)
def test_other_words_are_refused_with_the_right_ones(command: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"{why}(.|\n)*fab run --all-hosts --with pytorch -- train.py"):
        together.words_of(command)


def test_each_host_is_told_which_it_is_and_where_the_first_one_is() -> None:
    inside = together.addresses(HOSTS)
    texts = [together.command(rank, HOSTS, inside, 41000, ["train.py", "a b"]) for rank in (0, 1)]
    for rank, text in enumerate(texts):
        python, program, verb, plan, *words = shlex.split(text)
        assert (python, program, verb) == (
            "/opt/gpurig/pytorch/venv/bin/python",
            "/opt/gpurig/pytorch/node.py",
            "run",
        )
        told = {"rank": rank, "names": ["box", "box-2"], "addresses": ["10.0.0.5", "10.0.0.6"], "port": 41000}
        assert json.loads(plan) == told
        assert words == ["train.py", "a b"]


def test_one_host_needs_no_address_among_hosts() -> None:
    assert together.addresses([Host(name="desk", address="desk.example")]) == ["127.0.0.1"]


def test_two_hosts_at_one_address_are_named() -> None:
    twins = [Host(name=name, address="192.0.2.7", inner="10.0.0.7") for name in ("a", "b")]
    with pytest.raises(BadInput, match=r"a and b are both at 10\.0\.0\.7\n.*inner"):
        together.addresses(twins)


def test_a_host_without_an_address_among_hosts_is_named() -> None:
    lost = Host(name="lost", address="lost.example", inner="lost.example")
    with pytest.raises(BadInput, match=r'lost .*nobody said at which IP address(.|\n)*inner = "10\.0\.0\.5"'):
        together.addresses([HOSTS[0], lost])


@pytest.mark.parametrize(
    ("other", "name", "why"),
    [
        ({}, "", []),
        ({"port": 7, "runs": frozenset({"x"})}, "y", []),
        ({"torch": "2.9.0"}, "", ["all hosts need the same PyTorch: PyTorch 2.14.1 on box; PyTorch 2.9.0 on box-2"]),
        ({"gpus": 8}, "", ["all hosts need GPUs, or none has any: none on box; GPUs on box-2"]),
        ({"runs": frozenset({"x"})}, "x", ['box-2 has a run "x" already']),
        ({"wrong": ["there is no a.py", "other"]}, "", ["box-2: there is no a.py", "box-2: other"]),
    ],
)
def test_what_keeps_hosts_from_training_together_is_said(other: dict[str, Any], name: str, why: list[str]) -> None:
    assert together.problems({"box": seen(), "box-2": seen(**other)}, name) == why


def test_hosts_with_another_number_of_gpus_each_go_together() -> None:
    assert together.problems({"box": seen(gpus=8), "box-2": seen(gpus=1)}, "") == []


def test_the_name_is_one_that_no_host_has() -> None:
    looks = {"box": seen(runs=frozenset({"train-1"})), "box-2": seen(runs=frozenset({"train-4", "other-9"}))}
    assert together.name_for(["work/train.py", "--name", "x"], looks) == "train-5"
    assert together.name_for(["-m", "train"], looks) == "train-5"
