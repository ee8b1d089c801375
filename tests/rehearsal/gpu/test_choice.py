"""What `make gpu-check` tries and what it leaves out: by licences, by the network that it shares, by the trials."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provision.catalogue import compatibility
from provision.catalogue.catalogue import Catalogue
from provision.catalogue.folders import OURS
from rehearsal.gpu import check
from rehearsal.gpu.attempt import Attempt
from rehearsal.gpu.check import Plan
from rehearsal.gpu.choice import SHARED, choose, licences, notice
from rehearsal.gpu.desk import Desk, Wish, as_user

if TYPE_CHECKING:
    from collections.abc import Iterator


def row(name: str, *asked: str, state: str = "expected", changes_network: bool = False, **needs: str) -> dict[str, Any]:
    """Return a row of `fab recipes --json`; `needs`: a trial, and the recipe that it needs."""
    works = [{"state": state, "reason": "too old" if state == "no" else "", "licences": list(asked)}]
    trials = {"try": list(needs), "try_needs": {kind: [other] if other else [] for kind, other in needs.items()}}
    own = {"name": name, "version": "1", "changes_network": changes_network, "licences": [*asked, "elsewhere"]}
    return {**own, "works": works, **trials}


ROWS = [
    row("base"),
    row("wall", "shop", changes_network=True),
    row("cuda", "shop", "mall"),
    row("torch", "shop", example=""),
    row("old", "shop", state="no"),
    row("cluster", example="torch", bench=""),
]


def test_what_comes_under_a_licence_is_not_run_until_that_is_accepted() -> None:
    said = {one.row["name"]: (one.state, one.why) for one in choose(ROWS, accept=False)}
    assert said["base"] == ("", "")
    assert said["cuda"] == ("not run", "not accepted: shop, mall")
    assert said["old"] == ("no", "too old")
    assert said["wall"] == ("not run", SHARED)


def test_accepted_all_of_it_is_tried_but_what_changes_the_network() -> None:
    left = {one.row["name"]: one.state for one in choose(ROWS, accept=True) if one.state}
    assert left == {"wall": "not run", "old": "no"}


def test_a_trial_that_needs_what_is_left_out_is_left_out_and_nothing_else_of_its_recipe() -> None:
    [cluster] = [one for one in choose(ROWS, accept=False) if one.row["name"] == "cluster"]
    assert (cluster.state, cluster.row["try"]) == ("", ["bench"])
    assert cluster.why == "no example, which needs torch: not accepted: shop"
    [cluster] = [one for one in choose(ROWS, accept=True) if one.row["name"] == "cluster"]
    assert (cluster.why, cluster.row["try"]) == ("", ["example", "bench"])


def test_one_line_says_what_licences_leave_out_and_how_to_have_it() -> None:
    line = "mall, shop: not accepted, so left out are cuda, torch; make gpu-check CHECK=--accept"
    assert notice(choose(ROWS, accept=False)) == line
    assert notice(choose(ROWS, accept=True)) == ""


def test_of_the_real_catalogue_nothing_is_tried_that_asks_for_more_or_touches_the_network(tmp_path: Path) -> None:
    said = as_user(tmp_path, "fab", "recipes", "--json", "--image", "ubuntu-22.04", "--gpu", "8.6", seconds=300)
    rows = json.loads(said.stdout[said.stdout.index("[") :])
    assert licences(rows) == compatibility.licences(Catalogue(OURS))
    assert {name for name, why in why_not(rows, accept=True).items() if why == SHARED} == {
        "firewall",
        "digits-container",
    }
    bare = why_not(rows, accept=False)
    for name in ("cuda", "pytorch", "keras", "caffe", "digits", "neural-style-pt"):
        assert re.fullmatch(r"not accepted: nvidia-.*", bare[name]), name
    assert {"base", "datasets", "door", "nvidia-driver", "ray"} & bare.keys() == set()


def why_not(rows: list[dict[str, Any]], *, accept: bool) -> dict[str, str]:
    """Return what is left out, with why."""
    return {one.row["name"]: one.why for one in choose(rows, accept=accept) if one.state}


class Machine:
    """Stands in for the box and for the commands with it; knows what the box was to be, and what was tried there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failing: str = "") -> None:
        self.failing = failing
        self.wishes: list[tuple[str, ...]] = []
        self.tried: list[str] = []
        rows = subprocess.CompletedProcess((), 0, json.dumps(ROWS))
        monkeypatch.setattr(check, "as_user", lambda *_, **__: rows)
        monkeypatch.setattr(check, "on_card", lambda *_, **__: subprocess.CompletedProcess((), 0, "a box\n"))
        monkeypatch.setattr(check, "attempt", self.attempt)
        monkeypatch.setattr(check, "desk", self.desk)
        monkeypatch.setattr(check, "_wish", lambda _, licences: licences)

    @contextlib.contextmanager
    def desk(self, state: Path, wish: Wish) -> Iterator[Desk]:
        self.wishes.append(wish)  # type: ignore[arg-type]
        print("the box boots")
        yield Desk(state=state, tree=state)

    def attempt(self, _: Desk, row: dict[str, Any], *__: Any) -> Attempt:
        self.tried.append(row["name"])
        return Attempt(row["name"], row["version"], "failed" if row["name"] == self.failing else "tried")


def plan(folder: Path, **more: Any) -> Plan:
    return Plan(image="ubuntu-22.04", into=folder / "into", state=folder / "state", **more)


def written(folder: Path) -> dict[str, Any]:
    """Return what a check has written."""
    table: dict[str, Any] = json.loads((folder / "into" / "gpu-check.json").read_text())
    return table


def test_without_accept_a_check_says_so_before_it_boots_and_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(monkeypatch)
    assert check.check(plan(tmp_path)) == 0
    said = capsys.readouterr().out
    assert said.index("make gpu-check CHECK=--accept") < said.index("the box boots")
    assert (machine.wishes, machine.tried) == ([()], ["base", "cluster"])
    states = {one["recipe"]: one["state"] for one in written(tmp_path)["recipes"]}
    left = {"wall": "not run", "cuda": "not run", "torch": "not run", "old": "no"}
    assert states == {"base": "tried", "cluster": "tried", **left}
    assert written(tmp_path)["recipes"][-1]["why"].startswith("no example, which needs torch")


def test_with_it_the_box_has_all_licences_of_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    assert check.check(plan(tmp_path, accept=True)) == 0
    assert machine.wishes == [("elsewhere", "mall", "shop")]
    assert machine.tried == ["base", "cuda", "torch", "cluster"]


def test_what_fails_ends_it_with_1_and_not_before_the_others_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(monkeypatch, failing="base")
    assert check.check(plan(tmp_path, only=("base", "cluster"))) == 1
    assert machine.tried == ["base", "cluster"]


def test_what_is_written_says_which_recipes_were_asked_for_and_how_long_all_of_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    Machine(monkeypatch)
    check.check(plan(tmp_path, only=("base", "cluster")))
    assert (written(tmp_path)["only"], written(tmp_path)["seconds"]) == (["base", "cluster"], 20.0)
    check.check(plan(tmp_path))
    assert written(tmp_path)["only"] == []
