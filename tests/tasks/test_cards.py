"""Which of a machine's GPUs to build for, by what it shows of them, and what is said where none will do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import BadInput
from provision.model.host import Host
from provision.model.platforms import AUTO, gpus, pci_ids
from provision.model.target import Target
from provision.tasks import cards
from provision.tasks.target import target_of
from provision.transport import inventory

A100 = ["NVIDIA A100-SXM4-40GB", "8.0", "580.65.06"]
L4 = ["NVIDIA L4", "8.9", "580.65.06"]
A10G = ["NVIDIA A10G", "8.6", "580.65.06"]


class Machine:
    """What a session with a machine would answer."""

    def __init__(self, **facts: Any) -> None:
        nothing: dict[str, Any] = {
            "gpus": [],
            "mig": [],
            "pci": [],
            "silent": "",
            "nouveau": False,
            "secure_boot": False,
        }
        self.said = {"os": "debian-12", **nothing, **facts}
        self.said["mig"] = facts.get("mig", [None for _ in self.said["gpus"]])
        self.connection = Host(name="box", address="192.0.2.7", user="me")

    def facts(self) -> dict[str, Any]:
        return self.said


def target(host: Host, **facts: Any) -> Target:
    return target_of(host, Machine(**facts))  # type: ignore[arg-type]


BARE = Host(name="box", address="192.0.2.7")
DECLARED = Host(name="box", address="192.0.2.7", target=Target(gpu=AUTO, mount_point="/data", licences=("x",)))


@pytest.mark.parametrize(
    ("facts", "gpu", "compute"),
    [
        ({"gpus": [["NVIDIA GeForce RTX 3090", "8.6", "580.65.06"]]}, "RTX 3090", "8.6"),
        ({"gpus": [["Tesla T4", "", "450.80.02"]]}, "T4", "7.5"),
        ({"gpus": [["NVIDIA GB300 (preview)", "10.3", "590.1"]]}, "GB300 preview", "10.3"),
        ({"gpus": [L4, A10G]}, "A10G", "8.6"),
        ({"pci": [["0000:01:00.0", "2204", ""]]}, "RTX 3090", "8.6"),
        ({"pci": [["0000:01:00.0", "1eb8", "TU104GL [Tesla T4]"]]}, "T4", "7.5"),
        ({"pci": [["0000:01:00.0", "ffff", "GA102 [GeForce RTX 3090]"]]}, "RTX 3090", "8.6"),
    ],
)
def test_a_card_is_found(facts: dict[str, Any], gpu: str, compute: str) -> None:
    named = target(BARE, **facts)
    assert (named.gpu, named.compute, named.image, named.user) == (gpu, compute, "debian-12", "me")
    found = target(DECLARED, **facts)
    assert (found.gpu, found.compute) == (gpu, compute)
    assert (found.image, found.mount_point, found.licences) == ("ubuntu-22.04", "/data", ("x",))


@pytest.mark.parametrize("host", [BARE, DECLARED], ids=["-H", "auto"])
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ("shows no GPU that gpurig knows; say in hosts.toml", 'gpu = "NAME" and compute = "12.0"')),
        ({"pci": [["0000:01:00.0", "ffff", ""]]}, ("an NVIDIA GPU (10de:ffff, slot 0000:01:00.0)", "hosts.toml")),
        ({"silent": "No devices were found"}, ("nvidia-smi says: No devices were found",)),
        ({"gpus": [["Tesla T4", "7.5", "580.1"], L4]}, ("different generations", "T4 (7.5), L4 (8.9)", "one of them")),
    ],
)
def test_what_cannot_be_told_is_said_with_what_to_declare(
    host: Host, facts: dict[str, Any], said: tuple[str, ...]
) -> None:
    with pytest.raises(BadInput) as caught:
        target(host, **facts)
    for part in said:
        assert part in str(caught.value)


def test_a_declared_card_asks_nobody() -> None:
    declared = Target(gpu="T4")
    assert target_of(Host(name="box", address="h", target=declared), None) == declared  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("compute", "rows", "fits"),
    [
        ("8.6", [L4], True),
        ("8.9", [A10G], False),
        ("7.5", [L4], False),
        ("8.0", [["x", "", "450"]], True),
        ("7.5", [], True),
    ],
)
def test_a_build_that_would_not_run_on_the_card_that_is_there_is_refused(
    compute: str, rows: list[list[str]], *, fits: bool
) -> None:
    problems = cards.problems(Machine(gpus=rows).said, Target(gpu="T4", compute=compute), "box")
    assert bool(problems) != fits
    assert fits or 'gpu = "auto"' in problems[0]


def test_mig_that_leaves_no_gpu_to_see_is_refused_and_one_that_does_is_not() -> None:
    goal = Target(gpu="A100", compute="8.0")
    (problem,) = cards.problems(Machine(gpus=[A100], mig=[[]]).said, goal, "box")
    assert "MIG is on and cuts it into nothing" in problem
    assert "nvidia-smi mig" in problem
    assert not cards.problems(Machine(gpus=[A100], mig=[["3g.20gb"]]).said, goal, "box")
    assert not cards.problems(Machine(gpus=[A100, A100], mig=[[], None]).said, goal, "box")


def test_status_names_them_for_what_they_are() -> None:
    answer = {**Machine(gpus=[A100, A100, L4], mig=[["3g.20gb", "2g.10gb"], [], None]).said, "loads": []}
    assert list(cards.lines(answer)) == [  # type: ignore[arg-type]
        "NVIDIA A100-SXM4-40GB (compute 8.0, driver 580.65.06)",
        "  MIG cuts it into 3g.20gb, 2g.10gb: a program sees one of them",
        "NVIDIA A100-SXM4-40GB (compute 8.0, driver 580.65.06)",
        "  MIG is on and cuts it into nothing: no program sees it (sudo nvidia-smi mig -lgip: into what; -mig 0: off)",
        "NVIDIA L4 (compute 8.9, driver 580.65.06)",
    ]
    broken = {**Machine(pci=[["0000:01:00.0", "2204", ""]], silent="Driver/library version mismatch").said, "loads": []}
    assert list(cards.lines(broken)) == [  # type: ignore[arg-type]
        "none that a driver sees",
        "on the PCI bus, without a driver: RTX 3090 (10de:2204, slot 0000:01:00.0)",
        "nvidia-smi says: Driver/library version mismatch",
    ]


def test_every_id_on_the_pci_bus_is_of_a_known_model_and_of_one_alone() -> None:
    assert set(pci_ids().values()) <= set(gpus())
    assert all(re.fullmatch("[0-9a-f]{4}", number) for number in pci_ids())
    # What EC2's instances and the most common desks have, by the PCI ID Project's list.
    known = {"1eb8": "T4", "2237": "A10G", "27b8": "L4", "26b9": "L40S", "2204": "RTX 3090", "2684": "RTX 4090"}
    known["2bb5"] = "RTX PRO 6000"
    assert known.items() <= pci_ids().items()
    assert "28a3" not in pci_ids(), "an RTX 3050 A is of the generation after its name's"


def test_a_card_that_is_not_known_goes_by_its_name_and_capability(tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text('[host.a]\naddress = "h"\ngpu = "RTX PRO 2000"\ncompute = "12.0"\n')
    (host,) = inventory.from_file(path)
    assert host.target
    assert (host.target.gpu, host.target.compute) == ("RTX PRO 2000", "12.0")
