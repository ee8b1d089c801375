"""The screen of many hosts: failures first, at most so many lines, drawn so many times a second whatever is said."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from provision.model.errors import StepFailed, Unreachable
from provision.model.host import Host
from provision.screen import progress
from provision.screen.board import Board
from provision.screen.fleet import summary
from tests.kit.fab import ROOT, clean_environment
from tests.kit.terminal import shown

LINES, ROOM, WIDTH = 24, 18, 80
"""Of a terminal as it always was, and what of its height is the table's."""
HOSTS = [Host(name=f"h-{number:03}", address="192.0.2.7") for number in range(1, 101)]
TALKS = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from provision.model.host import Host
from provision.screen import fleet
fleet.PATIENCE = 0
began = time.monotonic()
def talk(host, out):
    for number in range(60):
        out.line(f"says {{number}}.")
        out.now("talks")
        time.sleep(0.01)
fleet.Crew([Host(name=f"h-{{n}}", address="192.0.2.7") for n in range(100)], talk).work()
print(f"took {{time.monotonic() - began}}")
"""


def board(failed: int, at_work: int) -> Board:
    """Return the board of a hundred hosts: those at work are the last, those that failed come before them."""
    made = Board(HOSTS)
    for number, row in enumerate(reversed(made.rows)):
        row.now = f"{row.name} compiles a file with a name that is much too long for a terminal of eighty columns"
        if number >= at_work:
            row.ended, row.failed, row.now = row.began + 9, number < at_work + failed, "over"
    return made


def names(board: Board, room: int = ROOM) -> tuple[list[str], str]:
    """Return the hosts that have a row, and the last line."""
    lines = board.drawn(WIDTH, room)
    assert len(lines) <= room
    assert max(line.cell_len for line in lines) <= WIDTH
    return [line.plain.split()[1] for line in lines[:-1]], lines[-1].plain


def test_of_a_hundred_hosts_those_that_failed_come_first_then_those_at_work_and_the_rest_is_counted() -> None:
    shown_rows, last = names(board(failed=3, at_work=5))
    assert shown_rows[:8] == ["h-093", "h-094", "h-095", "h-096", "h-097", "h-098", "h-099", "h-100"]
    assert shown_rows[8:] == [f"h-{number:03}" for number in range(1, ROOM - 8)]
    assert last == "  and 83 more; of all 100: 3 failed, 5 at work, 92 done"


def test_where_many_failed_half_of_the_room_is_for_those_at_work() -> None:
    shown_rows, last = names(board(failed=40, at_work=30))
    half = (ROOM - 1) // 2
    assert shown_rows[:half] == [f"h-{number:03}" for number in range(31, 31 + half)]
    assert shown_rows[half:] == [f"h-{number:03}" for number in range(71, 71 + ROOM - 1 - half)]
    assert last == "  and 83 more; of all 100: 40 failed, 30 at work, 30 done"
    # With nobody at work it is all theirs.
    assert names(board(failed=40, at_work=0))[0] == [f"h-{number:03}" for number in range(61, 61 + ROOM - 1)]


def test_few_hosts_all_have_a_row_in_their_order_but_for_those_that_failed() -> None:
    made = Board(HOSTS[:4])
    made.rows[0].ended = made.rows[2].ended = made.rows[0].began
    made.rows[2].failed = True
    assert [line.plain.split()[1] for line in made.drawn(WIDTH, 4)] == ["h-003", "h-001", "h-002", "h-004"]


def test_the_table_is_drawn_so_many_times_a_second_whatever_is_said(tmp_path: Path) -> None:
    seen = shown([sys.executable, "-c", TALKS], tmp_path, clean_environment())
    for name in ("h-0 ", "h-99"):
        assert re.findall(rf"{name} +says (\d+)\.", seen) == [str(number) for number in range(60)]
    (took,) = re.findall(r"took ([\d.]+)", seen)
    # Twice a frame: above it lines are printed, and it is drawn itself. For each line it would be thousands.
    assert 1 <= seen.count("of all 100:") <= 2 * (progress.FRAMES_PER_SECOND * float(took) + 2)


class Shown:
    """Stands for what is on the terminal: counts that it began and ended."""

    def __init__(self) -> None:
        self.on = 0

    def begin(self, *_: object, **__: object) -> Shown:
        self.on += 1
        return self

    def stop(self) -> None:
        self.on -= 1


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """A terminal on which nothing is drawn before the end."""
    made = Shown()
    monkeypatch.setattr("provision.screen.terminal.moves", lambda: True)
    monkeypatch.setattr(progress, "live", made.begin)
    monkeypatch.setattr(progress, "FRAMES_PER_SECOND", 0.001)
    return made


def test_ctrl_c_before_the_painter_has_started_leaves_the_terminal_as_it_was(
    terminal: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Board(HOSTS)

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(made._painter, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), made:
        made.show()
    assert terminal.on == 0


def test_where_nobody_reads_any_more_the_terminal_is_left_all_the_same(
    terminal: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(progress, "above", closed)
    with pytest.raises(BrokenPipeError), Board(HOSTS) as made:
        made.show()
        assert terminal.on == 1
        made.print("the last words")
    assert terminal.on == 0


@pytest.mark.parametrize("answer", ["one", "both"])
def test_the_summary_has_the_last_words_of_each_that_failed(answer: str) -> None:
    failed = StepFailed('step "caffe" failed: exit code 2\n  | cc1plus: out of memory\n  | make: *** [all] Error 2')
    silent = Unreachable("it does not answer")
    failures = [None, failed, None, silent if answer == "one" else failed, silent]
    told = summary(HOSTS[:5], failures).splitlines()
    assert told[0] == "3 of 5 hosts failed:"
    who = "h-002" if answer == "one" else "h-002, h-004"
    assert told[1:3] == [f'  {who}: step "caffe" failed: exit code 2', "    | make: *** [all] Error 2"]
    assert told[3:] == [f"  {'h-004, h-005' if answer == 'one' else 'h-005'}: it does not answer"]
