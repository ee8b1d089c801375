"""A setup on the screen: steps that go at once, and what a failure leaves undone."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from provision.model.errors import StepFailed
from provision.model.host import Host
from provision.model.words import minute
from provision.screen.board import Board, RowView
from provision.screen.progress import PlainView, Progress

HOST = Host(name="box", address="192.0.2.7")


@dataclasses.dataclass
class Screen(PlainView):
    """Keeps what is shown."""

    lines: list[str] = dataclasses.field(default_factory=list)
    moments: list[str] = dataclasses.field(default_factory=list)

    def line(self, text: str) -> None:
        self.lines.append(text)

    def now(self, text: str) -> None:
        self.moments.append(text)


def step(name: str, state: str, **fields: Any) -> Any:
    more = {"was": "missing", "notes": []} if state == "installing" else {}
    return {"event": "step", "run": "r1", "step": name, "state": state, "at": 1.0, "offset": 1, **more, **fields}


def log(name: str, line: str) -> Any:
    return {"event": "log", "step": name, "line": line, "position": 9}


BESIDE = [
    step("left", "installing"),
    step("right", "installing"),
    log("left", "a"),
    log("right", "b"),
    log("left", "c"),
]


FAILED: Any = {
    "event": "failed",
    "run": "r1",
    "step": "left",
    "why": "exit code 4",
    "log": "/x",
    "tail": [],
    "undo": "",
}


def test_each_step_that_goes_on_has_its_line_until_it_ends() -> None:
    screen = Screen()
    Progress(HOST, "top", ["left", "right"], screen).show([*BESIDE, step("left", "installed", seconds=3.0)])
    assert screen.moments[-3:] == ["left: a\nright: b", "left: c\nright: b", "right: b"]
    assert screen.lines == ["  left   installing", "  right  installing", "  left   installed in 3 s"]


def test_a_failure_is_told_at_once_and_at_the_end_with_what_it_leaves_undone() -> None:
    screen = Screen()
    undone = {"top": "not started: it needs left"}
    events = [*BESIDE, step("left", "failed", seconds=3.0, why="exit code 4"), {**FAILED, "left": undone}]
    with pytest.raises(StepFailed, match='step "left" failed on box') as caught:
        Progress(HOST, "top", ["left", "right"], screen).show(events)
    assert screen.lines[-1] == "  left   failed: exit code 4"
    assert screen.moments[-1] == "right: b"
    assert "top: not started: it needs left" in caught.value.hint.splitlines()


def test_what_was_there_before_a_failure_is_named_and_no_way_to_delete_it() -> None:
    moment = 1764000000.0
    again: Any = {**FAILED, "before": {"digest": "d", "version": "0.17.4", "how": "installed", "at": moment}}
    with pytest.raises(StepFailed) as caught:
        Progress(HOST, "left", ["left"], Screen()).show([again])
    there = f"left 0.17.4 of {minute(moment)}"
    assert f"what was there before stays in use, as far as it works: {there}" in caught.value.hint.splitlines()
    assert "take it off" not in caught.value.hint
    first: Any = {**FAILED, "undo": "rm -r it"}
    with pytest.raises(StepFailed) as caught:
        Progress(HOST, "left", ["left"], Screen()).show([first])
    assert "to take it off again: rm -r it" in caught.value.hint.splitlines()


def test_of_several_hosts_each_has_all_its_steps_in_one_row() -> None:
    board = Board([HOST])
    RowView(board, board.rows[0]).now("left:  a \nright: b")
    assert board.rows[0].now == "left: a · right: b"
