"""`fab example-…` as a user types it, with a tiny recipe of the user's own on a real box."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from provision.model.errors import RunInterrupted
from tests.kit.box import Machine, run
from tests.kit.fab import FAB, fab_ends
from tests.kit.trials import WORK, arrived, user_of


@pytest.fixture
def home(machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a recipe of their own."""
    monkeypatch.setenv("GPURIG_RECIPES", str(user_of(machine, home)))
    return home


def test_results_arrive_while_the_example_runs_and_end_on_a_contact_sheet(machine: Machine, home: Path) -> None:
    run(machine, f"rm -rf {WORK} /jobs/runs/example-tiny-*")
    Image.new("RGB", (64, 64), "blue").save(home / "mine.png")
    with subprocess.Popen(
        [*FAB, "example-tiny", "--file", "style.png=mine.png", "--args", "--style 0"], stdout=subprocess.PIPE, text=True
    ) as program:
        folder = arrived("results/example-tiny-tester-*/out_2.png").parent
        assert not (folder / "out_30.png").exists()
        run(machine, f"touch {WORK}/go")
        said = program.communicate(timeout=60)[0]
    assert program.returncode == 0
    for i in (2, 10, 30):
        assert f"picture {i} on auto for ubuntu: 1 --style 0\n" in said
    assert str(folder) in said
    with Image.open(folder / "contact-sheet.png") as sheet:
        # Three pictures in a grid of two columns, painted with the user's file.
        colours = {colour for _, colour in sheet.crop((12, 12, 12 + 256, 12 + 256)).getcolors() or []}
        assert colours == {(0, 0, 255)}
        assert sheet.width == 2 * 256 + 3 * 12
    assert (folder / "run.log").read_text().count("picture") == 3


@pytest.mark.usefixtures("home")
def test_its_exit_code_is_that_of_fab(machine: Machine) -> None:
    run(machine, f"mkdir -p {WORK} && touch {WORK}/go && chown ubuntu: /jobs && chown -R ubuntu: /jobs/work")
    done = fab_ends(5, "example-tiny", "--args", "fails 5", "--into", "elsewhere")
    assert "ended with exit code 5 on tester" in done.stderr
    log = arrived("elsewhere/example-tiny-tester-*/run.log")
    assert str(log) in done.stderr
    assert log.with_name("contact-sheet.png").exists()


def test_what_a_lost_run_has_left_is_fetched(machine: Machine, home: Path) -> None:
    run(machine, f"rm -f {WORK}/go")
    with subprocess.Popen([*FAB, "example-tiny"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        folder = arrived("results/example-tiny-tester-*/out_2.png").parent
        run(machine, "systemctl kill --signal=KILL 'gpurig-run-example-tiny-*'")
        said = program.communicate(timeout=60)[1]
    assert program.returncode == RunInterrupted.exit_code
    assert "was lost" in said
    assert (home / folder / "run.log").exists()


@pytest.mark.usefixtures("home")
def test_ctrl_c_leaves_it_running_and_a_second_one_is_refused(machine: Machine) -> None:
    run(machine, f"rm -f {WORK}/go")
    with subprocess.Popen([*FAB, "example-tiny"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        arrived("results/example-tiny-tester-*/out_2.png")
        program.send_signal(signal.SIGINT)
        said = program.communicate(timeout=60)[1]
    assert program.returncode == 130
    name = said.split("stopped watching; ")[1].split()[0]
    back = [f"fab logs {name} --follow", f"fab fetch {name} --watch", f"fab cancel {name}"]
    assert all(line in said for line in back)
    refused = fab_ends(1, "example-tiny")
    assert f"{name} runs on tester" in refused.stderr
    assert all(line in refused.stderr for line in (*back, "--another"))
    beside = fab_ends(0, "example-tiny", "--another", "--detach")
    [other] = {word for word in beside.stdout.split() if word.startswith("example-tiny-")}
    # What the first one reads must not change under it.
    assert run(machine, f"ls /jobs/work/{other}").split() == ["paint.sh", "style.png", "time.sh"]
    folder = next(Path("results").glob("example-tiny-tester-*"))
    run(machine, f"touch {WORK}/go /jobs/work/{other}/go")
    fab_ends(0, "fetch", name, "--watch", "--into", str(folder))
    assert (folder / "out_30.png").exists()
    fab_ends(0, "logs", other, "--follow")
