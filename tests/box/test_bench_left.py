"""`fab bench-…` that is left or cut off, and what its card does meanwhile: it takes its time on a real box."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.model.errors import RunInterrupted
from tests.kit.box import Machine, nvidia_smi, run
from tests.kit.fab import FAB, fab_ends
from tests.kit.trials import LOOKS, WORK, arrived, card, user_of
from tests.kit.wait import until

pytestmark = pytest.mark.life


@pytest.fixture
def home(machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a recipe of their own."""
    monkeypatch.setenv("GPURIG_RECIPES", str(user_of(machine, home)))
    return home


def test_what_the_card_did_is_shown_and_what_its_time_went_to(machine: Machine, home: Path) -> None:
    card(home)
    recipe = home / "recipes" / "tiny" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("[example]", 'TINY_WORKS = "4"\n[example]'))
    with nvidia_smi(machine, LOOKS):
        done = fab_ends(0, "bench-tiny")
    row = next(line for line in done.stdout.splitlines() if "cuda:0" in line)
    assert row.split()[-6:] == ["12", "%", "2.0", "GiB", "34", "W"]
    assert "the GPU was 12 % busy: of 0.25 s per epoch, 0.1 s computing, 0.15 s waiting for pictures" in done.stdout
    [folder] = Path("results").glob("bench-tiny-tester-*")
    seen = json.loads((folder / "bench.json").read_text())["card"]
    assert (seen["busy"], seen["memory_gib"], seen["watts"]) == (12, 2, 33.5)
    assert seen["looks"] >= 2


def hold(machine: Machine, half: str) -> None:
    """Have a half of a bench wait until its file is gone."""
    run(machine, f"mkdir -p {WORK} && touch {WORK}/wait-{half} && chown ubuntu: /jobs && chown -R ubuntu: /jobs/work")


def begun(program: subprocess.Popen[str], machine: Machine, half: str) -> None:
    """Wait until a half of a bench computes."""
    said = []
    for line in program.stderr or ():
        said.append(line)
        if found := re.search(rf"(\S+) computes on the {half}", line):
            break
    else:
        pytest.fail("".join(said))
    name = found[1]
    until(lambda: "epoch 1" in run(machine, f"cat /jobs/runs/{name}/log"))


@pytest.mark.parametrize("end", ["by Ctrl-C", "by the end of its box"])
def test_a_bench_that_was_left_goes_on_where_it_was(machine: Machine, home: Path, end: str) -> None:
    card(home)
    hold(machine, "gpu")
    with nvidia_smi(machine, LOOKS):
        words = [*FAB, "bench-tiny", "--limit", "tester"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as left:
            begun(left, machine, "GPU")
            if end == "by Ctrl-C":
                left.send_signal(signal.SIGINT)
            else:
                run(machine, "systemctl kill --signal=KILL 'gpurig-run-bench-tiny-*-gpu.service'")
            said = left.communicate(timeout=60)[1]
        assert left.returncode == (130 if end == "by Ctrl-C" else RunInterrupted.exit_code)
        assert re.search("by the same command: fab .*bench-tiny --limit tester\n", said)
        [folder] = Path("results").glob("bench-tiny-tester-*")
        cpu = (folder / "cpu" / "bench.json").stat()
        runs = run(machine, "ls /jobs/runs").split()
        # Where its files are; another run of the bench's may be the one that computes now.
        run(machine, f"rm {WORK}/wait-gpu")
        done = fab_ends(0, "bench-tiny")
    assert "the GPU is 10 times as fast as the CPU" in done.stdout
    assert list(Path("results").glob("bench-tiny-tester-*")) == [folder]
    assert (folder / "cpu" / "bench.json").stat() == cpu
    began = set(run(machine, "ls /jobs/runs").split()) - set(runs)
    assert len(began) == (0 if end == "by Ctrl-C" else 1)
    assert all(name.endswith("-gpu") for name in began)
    assert (folder / "bench.png").exists()
    # What is over is over: the next one is another.
    with nvidia_smi(machine, LOOKS):
        fab_ends(0, "bench-tiny")
    assert len(list(Path("results").glob("bench-tiny-tester-*"))) == 2


def test_what_could_not_be_written_or_is_gone_is_written_by_the_next_and_nothing_computes_again(
    machine: Machine, home: Path
) -> None:
    hold(machine, "cpu")
    with subprocess.Popen([*FAB, "bench-tiny"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as left:
        begun(left, machine, "CPU")
        left.send_signal(signal.SIGINT)
        left.communicate(timeout=60)
    run(machine, f"rm {WORK}/wait-cpu")
    [folder] = home.glob("results/bench-tiny-tester-*")
    (folder / "bench.png").mkdir()
    assert "the results cannot be written" in fab_ends(2, "bench-tiny").stderr
    (folder / "bench.png").rmdir()
    (folder / "cpu" / "bench.json").unlink()
    runs = run(machine, "ls /jobs/runs")
    assert "this host has no GPU" in fab_ends(0, "bench-tiny").stdout
    assert run(machine, "ls /jobs/runs") == runs
    assert [path.name for path in home.glob("results/*/*.png")] == ["bench.png"]


def test_a_bench_of_other_words_does_not_go_on_with_it(machine: Machine, home: Path) -> None:
    hold(machine, "cpu")
    with subprocess.Popen([*FAB, "bench-tiny"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as left:
        begun(left, machine, "CPU")
        left.send_signal(signal.SIGINT)
        left.communicate(timeout=60)
    assert "bench-tiny --another" in fab_ends(1, "bench-tiny", "--args", "'\"seed\": 3'").stderr
    run(machine, f"rm {WORK}/wait-cpu")
    assert json.loads(arrived_after(lambda: fab_ends(0, "bench-tiny")).read_text())["cpu"]["seed"] == 0
    fab_ends(0, "bench-tiny", "--args", "'\"seed\": 3'")
    assert len(list(home.glob("results/*/bench.json"))) == 2


def arrived_after(do: Callable[[], object]) -> Path:
    """Do something, and return the comparison that it has left."""
    do()
    return arrived("results/bench-tiny-tester-*/bench.json")
