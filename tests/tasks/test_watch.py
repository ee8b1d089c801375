"""`fab watch`, on a pipe and on a terminal, of boxes whose samples a test writes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from provision.screen.dashboard import Dashboard, HostPanel
from provision.tasks.gauges import gauges
from tests.kit.fab import FAB
from tests.kit.power import Box, Rig, rig
from tests.kit.terminal import shown
from tests.kit.wait import until

GIB = 2**30
GPU = {"index": "0", "name": "Tesla T4", "use": 97.0, "used": 12288.0, "total": 15360.0, "celsius": 71.0, "watts": 68.0}
SAMPLE: dict[str, Any] = {
    "event": "sample",
    "at": 1.8e9,
    "cpus": 4,
    "cpu": 34.2,
    "load": 1.25,
    "memory": [5 * GIB, 16 * GIB],
    "gpus": [GPU],
    "gpu_problem": "",
    "disks": [
        {"path": "/", "free": 12 * GIB, "total": 48 * GIB},
        {"path": "/jobs", "free": 5 * GIB, "total": 100 * GIB},
    ],
    "read": 2.0**20,
    "written": 30 * 2.0**20,
    "received": 2048.0,
    "sent": 0.0,
    "runs": [{"name": "train-1", "since": 1.8e9 - 725}],
}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    """A stack in a cloud without boxes."""
    with rig(tmp_path) as made:
        yield made


def says(box: Box, **changes: Any) -> None:
    """Have a box tell one sample, whatever it is asked."""
    box.server.says = f"{json.dumps({**SAMPLE, **changes})}\n".encode()


def drawn(width: int, height: int, *samples: dict[str, Any]) -> str:
    """Return the screen of hosts with these samples."""
    panels = [HostPanel(title=f"box-{i} (203.0.113.{i}), g4dn.xlarge", notice="") for i in range(len(samples))]
    for panel, sample in zip(panels, samples, strict=True):
        panel.gauges = gauges(sample)  # type: ignore[arg-type] # as it comes off the wire
    console = Console(width=width, height=height, force_terminal=False)
    with console.capture() as capture:
        console.print(Dashboard(panels).shown(width, height))
    return capture.get()


def test_of_a_hundred_hosts_those_that_failed_come_first_and_the_rest_is_counted() -> None:
    panels = [HostPanel(title=f"h-{number:03} (203.0.113.7)", notice="") for number in range(1, 101)]
    for panel in panels:
        panel.gauges = gauges(SAMPLE)  # type: ignore[arg-type] # as it comes off the wire
    panels[40].notice = "connecting"
    panels[98].notice, panels[98].failed, panels[98].gauges = "it does not answer", True, ()
    console = Console(width=80, height=24, force_terminal=False)
    with console.capture() as capture:
        console.print(Dashboard(panels).shown(80, 23))
    lines = capture.get().splitlines()
    assert len(lines) <= 23
    rows = re.findall(r"^ *(h-\d+)", "\n".join(lines), re.MULTILINE)
    assert rows[:3] == ["h-099", "h-041", "h-001"]
    assert f"and {100 - len(rows)} more; of all 100: 1 failed" in lines[-2]


def test_a_look_is_a_line_per_host_on_a_pipe(lab: Rig) -> None:
    says(lab.launch("box"))
    says(lab.launch("box-2"), gpus=[], runs=[])
    done = lab.fab("watch", "--once")
    first, second = sorted(done.stdout.splitlines())
    assert first.startswith("box    ")
    for part in ("CPU 34 %", "memory 5.0/16.0 GiB", "GPU 0 97 % 12.0/15.0 GiB 71 °C 68 W", "/jobs 5.0/100.0 GiB free"):
        assert part in first
    assert "disk 1.0 MiB/s read 30.0 MiB/s written  net 2 KiB/s in 0 KiB/s out  train-1 (12 min 05 s)" in first
    assert second.endswith("no runs")
    assert "GPU" not in second
    rows = [json.loads(line) for line in lab.fab("watch", "--once", "--json").stdout.splitlines()]
    assert sorted((row["host"], len(row["gpus"])) for row in rows) == [("box", 1), ("box-2", 0)]


def test_one_stopped_host_keeps_the_others_from_nothing(lab: Rig) -> None:
    says(lab.launch("box"))
    second = lab.launch("box-2")
    lab.stop(second)
    done = lab.fab("watch", "--once", code=4)
    assert "CPU 34 %" in done.stdout
    assert f"box-2 ({second.id}) is stopped" in done.stderr


def test_a_terminal_shows_a_table_and_a_box_that_stops_meanwhile_ends_it(lab: Rig) -> None:
    box = lab.launch()
    says(box)

    def stop_after_two() -> None:
        until(lambda: box.server.answered >= 2)
        lab.stop(box)

    stopper = threading.Thread(target=stop_after_two)
    stopper.start()
    screen = shown([*FAB, "watch"], lab.folder, lab.env(), code=4)
    stopper.join()
    for part in ("Tesla T4", "97 %", "5.0 of 16.0 GiB", "train-1 (12 min 05 s)", "30.0 MiB/s written"):
        assert part in screen
    assert "connecting again" in screen, "a connection that drops is said to come back"
    assert f"error: box ({box.id}) is stopped" in screen


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_per_host_where_there_is_room_and_a_row_where_there_is_none(width: int) -> None:
    tall = drawn(width, 40, SAMPLE, SAMPLE)
    assert tall.count("Tesla T4") == 2
    assert all(len(line) <= width for line in tall.splitlines())
    low = drawn(width, 12, *[SAMPLE] * 6)
    assert low.count("CPU 34 %") == 6
    assert len(low.splitlines()) <= 12
    assert all(len(line) <= width for line in low.splitlines())


def test_what_a_driver_does_not_say_is_said(lab: Rig) -> None:
    says(lab.launch(), gpus=[], gpu_problem="nvidia-smi gives no answer")
    assert "GPU ?: nvidia-smi gives no answer" in lab.fab("watch", "--once").stdout
    parts = {**GPU, "use": None, "watts": None}
    assert "use n/a 12.0/15.0 GiB 71 °C" in drawn(120, 40, {**SAMPLE, "gpus": [parts]})


def test_seconds_that_are_none_are_refused(lab: Rig) -> None:
    lab.launch()
    for word in ("0", "soon", "nan", "1e9"):
        assert f"--seconds {word}: write a number" in lab.fab("watch", "--seconds", word, code=2).stderr
