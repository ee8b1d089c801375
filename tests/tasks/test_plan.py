"""`fab plan` promises nothing that `fab setup` refuses: it looks at the GPU and its driver, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import BadInput
from provision.model.host import Host
from provision.model.target import Target
from provision.screen.progress import PlainView
from provision.tasks.option import Choices
from provision.tasks.verbs.plan import plan
from tests.kit.recipes import write_recipe

T4, OLD, NEW = "Tesla T4", "535.183.01", "580.65.06"


class Machine:
    """The only host of a call, and the session with it."""

    choices = Choices.parse(None, None)

    def __init__(self, gpu: str, *rows: list[str]) -> None:
        self.host = Host(name="desk", address="192.0.2.7", target=Target(gpu=gpu))
        self.rows, self.asked = list(rows), 0

    def each_session(self, show: Any) -> None:
        show(self, PlainView())

    def facts(self) -> dict[str, Any]:
        self.asked += 1
        return {"gpus": self.rows, "mig": [None for _ in self.rows], "pci": []}

    def plan(self, bundle: Any) -> dict[str, Any]:
        return {"steps": {step.name: "missing" for step in bundle.steps}, "running": False}


@pytest.fixture(autouse=True)
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPURIG_RECIPES", str(tmp_path))
    write_recipe(tmp_path / "wheels", "supports = { driver = 550 }")
    write_recipe(tmp_path / "tool")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([T4, "7.5", OLD], 'recipe "wheels" needs NVIDIA\'s driver 550 or newer, and this host has 535.183.01'),
        (["GeForce GTX 1080", "6.1", NEW], "does not run on what desk (192.0.2.7) has: GeForce GTX 1080 (6.1)"),
    ],
)
def test_what_a_setup_would_refuse_is_not_planned(
    row: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput) as caught:
        plan.body(Machine("T4", row), recipe="wheels")
    assert said in str(caught.value)
    assert "would be installed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("recipe", "gpu", "rows", "asks"),
    [
        ("wheels", "T4", [[T4, "7.5", NEW]], True),
        ("wheels", "T4", [], True),  # the driver comes with the setup
        ("wheels", "none", [[T4, "7.5", OLD]], False),
        ("tool", "T4", [[T4, "7.5", OLD]], False),
    ],
)
def test_all_else_is_planned_and_the_host_is_asked_only_where_it_matters(
    capsys: pytest.CaptureFixture[str], recipe: str, gpu: str, rows: list[list[str]], *, asks: bool
) -> None:
    machine = Machine(gpu, *rows)
    plan.body(machine, recipe=recipe)
    assert f"{recipe}  1 " in capsys.readouterr().out
    assert bool(machine.asked) == asks
