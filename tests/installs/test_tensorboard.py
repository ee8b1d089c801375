"""TensorBoard from its real wheels, over the runs' results, for who has the token, through `fab tensorboard`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.history.browser import PROGRAM
from tests.installs.box import Box
from tests.installs.browsing import command_lines, opened
from tests.kit.chromium import page
from tests.kit.wait import until

RECIPE = "tensorboard"
SERVER = "http://127.0.0.1:6006"
STATUS = "curl -s -o /dev/null -w '%{http_code}'"


@pytest.fixture(scope="module")
def board(ready: Box) -> Box:
    """The box with TensorBoard, and a run that left something for it."""
    said = ready.fab("example-tensorboard", "--into", str(ready.folder / "results"))
    assert "50 points of loss" in said
    return ready


def token(board: Box) -> str:
    return board.ssh("cat /run/gpurig-tensorboard/token")


def test_it_is_found_again_and_listens_at_one_port_for_the_box_alone(board: Box) -> None:
    assert "nothing to do" in board.fab("setup-tensorboard")
    listening = board.ssh("sudo ss -Hltnp | grep -E 'python|serve' | awk '{print $4}'").split()
    assert listening == ["127.0.0.1:6006"]


def test_who_guesses_the_token_gets_nothing_and_nobody_reads_it(board: Box) -> None:
    right = token(board)
    for path, answer in (("/", "403"), ("/?token=guessed", "403"), ("/data/runs", "403"), (f"/?token={right}", "302")):
        assert board.ssh(f"{STATUS} '{SERVER}{path}'") == answer
    assert board.ssh(f"{STATUS} -H 'Host: rebind.example' '{SERVER}/?token={right}'") == "421"
    assert "fab tensorboard" in board.ssh(f"curl -s {SERVER}/")
    assert right not in board.ssh("ps axwwe -o args; sudo journalctl --no-pager -u gpurig-tensorboard")
    assert board.ssh("stat -c '%U %a' /run/gpurig-tensorboard") == "ubuntu 700\n"


def runs(board: Box) -> list[str]:
    jar = f"-sSL -c jar -b jar -o /dev/null '{SERVER}/?token={token(board)}'"
    return list(json.loads(board.ssh(f"curl {jar} && curl -fsS -b jar {SERVER}/data/runs; rm -f jar")))


def another(board: Box) -> str:
    """Run the example once more; returns its name once it is shown."""
    before = set(runs(board))
    board.fab("example-tensorboard", "--into", str(board.folder / "again"))
    until(lambda: len(runs(board)) == len(before) + 1, pause=1)
    (name,) = set(runs(board)) - before
    return name


def test_it_shows_what_runs_leave_in_their_results_as_it_comes(board: Box) -> None:
    until(lambda: runs(board) == ["example-tensorboard-1/results"], pause=1)
    assert another(board) == "example-tensorboard-2/results"


@pytest.mark.skipif(not PROGRAM, reason="there is no Chromium here")
def test_the_browser_shows_the_curves_of_all_runs_or_of_one(board: Box, tmp_path: Path) -> None:
    said = board.fab("tensorboard", "nope", code=2)
    assert 'there is no run "nope"' in said
    assert "example-tensorboard-1" in said
    other = another(board).partition("/")[0]
    for words, all_of_them in (((), True), (("example-tensorboard-1",), False)):
        with opened(board, "tensorboard", *words) as it, page(tmp_path / f"{all_of_them}") as browser:
            assert it.token == token(board)
            assert it.token not in it.line
            assert it.token not in command_lines()
            browser.open(it.asked)
            # What a reader sees, in whatever shadow of an element it stands.
            browser.wait("document.body.innerText.includes('example-tensorboard-1')")
            browser.wait("document.body.innerText.includes('loss')")
            assert (other in browser.run("document.body.innerText")) is all_of_them
            assert "token" not in browser.run("location.href")


def test_it_outlives_a_reboot_and_its_token_does_not(board: Box) -> None:
    before = token(board)
    board.ssh("sudo systemctl restart gpurig-tensorboard")
    until(lambda: board.ssh(f"{STATUS} {SERVER}/gpurig-is-up || true") == "200", pause=0.5)
    assert token(board) != before
    assert re.search("^enabled", board.ssh("systemctl is-enabled gpurig-tensorboard"))
