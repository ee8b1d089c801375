"""`fab example-…` and `fab bench-…` as a user types them, with a tiny recipe of the user's own on a real box."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from provision.model.errors import RunInterrupted
from tests.kit.box import Machine, nvidia_smi, run
from tests.kit.fab import FAB, fab_ends, write_hosts
from tests.kit.recipes import write_trial
from tests.kit.wait import until

WORK = "/jobs/work/example-tiny"
PAINT = """\
for i in 2 10 30; do
  # The last picture waits until the test has seen the first.
  until [ $i -lt 30 ] || [ -e go ]; do sleep 0.1; done
  cp style.png part
  mv part "$GPURIG_RESULTS/out_$i.png"
  echo "picture $i on $GPURIG_DEVICE for $TINY_USER: $*"
done
exit ${3:-0}
"""
TIME = """\
seed='"seed": 0'
case $GPURIG_DEVICE in
  cpu) device=cpu seconds="9, 2, 2.5, 4" ;;
  gpu) device="cuda:0 (T4)" seconds="9, 0.25, 0.5, 0.25" ;;
esac
echo "epoch 1"
cat >"$GPURIG_RESULTS/bench.json" <<END
{"unit": "epoch", "seconds": [$seconds], "error": 0.25, "measure": "validation error", "device": "$device",
 "data": "four digits", ${1:-$seed}, "versions": {"bash": "5"}}
END
"""


@pytest.fixture
def home(machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a hosts file and a recipe of their own, whose picture is red."""
    monkeypatch.setenv("GPURIG_RECIPES", str(home / "recipes"))
    write_hosts(home, "tester", address=machine.host.address, port=22)
    folder = write_trial(home / "recipes", paint=PAINT, time=TIME)
    Image.new("RGB", (64, 64), "red").save(folder / "example" / "style.png")
    return home


def arrived(pattern: str) -> Path:
    """Return a file of this machine as soon as it is there."""
    return until(lambda: list(Path().glob(pattern)))[0]


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
    run(machine, f"mkdir -p {WORK} && touch {WORK}/go && chown -R ubuntu: /jobs/work")
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


def test_a_bench_without_a_gpu_is_the_cpu_half_and_says_so(home: Path) -> None:
    done = fab_ends(0, "bench-tiny")
    assert "epoch 1" in done.stdout
    assert "this host has no GPU" in done.stdout
    row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("cpu "))
    assert row == ["cpu", "2.5", "2", "4", "17.5", "0.25"]
    [folder] = Path("results").glob("bench-tiny-tester-*")
    document = json.loads((folder / "bench.json").read_text())
    assert document["gpu"] is None
    assert document["ratio"] is None
    assert "no GPU" in document["verdict"]
    assert document["cpu"]["seconds"] == [9, 2, 2.5, 4]
    assert document["host"]["name"] == "tester"
    assert document["host"]["cores"] == len(os.sched_getaffinity(0))
    with Image.open(folder / "bench.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 800
    assert home in folder.absolute().parents


def test_a_bench_computes_on_the_cpu_then_on_the_gpu(machine: Machine, home: Path) -> None:
    hosts = home / "hosts.toml"
    hosts.write_text(hosts.read_text().replace('"none"', '"T4"'))
    refused = fab_ends(1, "bench-tiny")
    assert "has a T4, and no driver there that sees it" in refused.stderr
    assert "setup-nvidia-driver" in refused.stderr
    with nvidia_smi(machine, "echo Tesla T4, 7.5, 580.1"):
        done = fab_ends(0, "bench-tiny")
    assert "the GPU is 10 times as fast as the CPU" in done.stdout
    [folder] = Path("results").glob("bench-tiny-tester-*")
    document = json.loads((folder / "bench.json").read_text())
    assert document["ratio"] == 10
    assert document["host"]["gpu"] == "Tesla T4, driver 580.1"
    assert [document[half]["device"] for half in ("cpu", "gpu")] == ["cpu", "cuda:0 (T4)"]
    assert (folder / "gpu" / "run.log").read_text() == "epoch 1\n"


def test_a_bench_that_breaks_the_contract_is_told_by_key_and_script(home: Path) -> None:
    done = fab_ends(2, "bench-tiny", "--args", "'\"seeds\": 0'")
    assert '"seed" is missing' in done.stderr
    assert "bash time.sh" in done.stderr
    assert not list(home.glob("results/*/bench.json"))
