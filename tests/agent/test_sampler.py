"""What the box tells of itself while it is watched, and what a driver that hangs does to that: nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provision.agent import meters
from tests.kit.host import Lab
from tests.kit.wait import PATIENCE, until

TESLA = "0, Tesla T4, 97, 12345, 15360, 71, 68.20"


def program(lab: Lab, script: str) -> None:
    """Put an `nvidia-smi` on the host."""
    path = lab.bin / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def watched(lab: Lab) -> Any:
    """Return a way to have so many samples of a host."""

    def samples(times: int) -> list[dict[str, Any]]:
        with lab.client("sample", seconds=0.5, times=times) as client:
            return [dict(event) for event in client.rest() if event["event"] == "sample"]

    return samples


def test_a_sample_says_how_busy_the_box_is(lab: Lab, watched: Any) -> None:
    program(lab, f"while echo '{TESLA}'; do sleep 0.5; done")
    first, second = watched(2)
    assert 0 <= second["cpu"] <= 100
    assert 0 < second["memory"][0] < second["memory"][1]
    assert second["at"] > first["at"]
    (gpu,) = second["gpus"]
    wanted = {"use": 97.0, "used": 12345.0, "total": 15360.0, "celsius": 71.0, "watts": 68.2}
    assert {name: gpu[name] for name in wanted} == wanted
    assert (gpu["name"], second["gpu_problem"]) == ("Tesla T4", "")
    assert second["disks"][0]["path"] == "/"
    assert json.dumps(second["runs"]) == "[]"


def test_a_box_without_a_driver_has_no_gpu_and_no_problem(lab: Lab, watched: Any) -> None:
    lab.edit("meters", 'shutil.which("nvidia-smi")', 'shutil.which("nvidia-smi-of-nobody")')
    (sample,) = watched(1)
    assert (sample["gpus"], sample["gpu_problem"]) == ([], "")


def test_a_driver_that_hangs_is_said_to_and_the_rest_is_told(lab: Lab, watched: Any) -> None:
    program(lab, "trap '' TERM; exec sleep 1000")
    lab.edit("meters", "SILENCE = 10.0", "SILENCE = 0.2")
    (sample,) = watched(1)
    assert sample["gpus"] == []
    assert sample["gpu_problem"] == meters.HANGS
    assert sample["memory"][1] > 0


def test_a_driver_that_fails_is_quoted(lab: Lab, watched: Any) -> None:
    program(lab, "echo 'NVIDIA-SMI has failed: no driver'; exit 9")
    (sample,) = watched(1)
    assert sample["gpu_problem"] == "nvidia-smi ended: NVIDIA-SMI has failed: no driver"


def test_what_a_gpu_in_parts_does_not_tell_is_not_zero() -> None:
    row = meters.gauge("0, NVIDIA A100, [N/A], 100, 40960, 30, 50.1")
    assert row is not None
    assert row["use"] is None
    assert meters.gauge("Unable to determine the device handle for GPU 0000:00:1E.0: GPU is lost") is None


def test_partitions_and_loops_are_not_counted_twice(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "PROC", tmp_path)
    row = "1 0 {read} 0 1 0 {written} 0 0 0 0"
    names = ("nvme0n1", "nvme0n1p1", "loop0", "nvme1n1", "dm-0")
    lines = [f" 259 {i} {name} {row.format(read=8, written=16)}" for i, name in enumerate(names)]
    (tmp_path / "diskstats").write_text("\n".join(lines))
    assert meters.disks() == (2 * 8 * 512, 2 * 16 * 512)
    (tmp_path / "net").mkdir()
    head = "Inter-|\n face |\n"
    counts = "5 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0"
    (tmp_path / "net" / "dev").write_text(f"{head}    lo: {counts}\n  ens5: {counts}\ndocker0: {counts}\n")
    assert meters.network() == (5, 7)


def test_a_client_that_goes_ends_the_watching(lab: Lab) -> None:
    with lab.client("sample", seconds=0.5, times=0) as client:
        client.until("sample")
        assert client.process.stdout
        client.process.stdout.close()
        assert client.process.wait(PATIENCE) != 0
    until(lambda: not lab.processes())
