"""CPU against GPU: what two halves of a bench become, and what is said of files that cannot be compared."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console

from provision.model.errors import BadInput
from provision.work.comparison import FILE, Comparison, Half
from provision.work.plot import COLOURS, plot

GOOD: dict[str, Any] = {
    "unit": "epoch",
    "seconds": [9.0, 4.0, 2.0, 3.0],
    "error": 0.0125,
    "measure": "validation error",
    "device": "cpu",
    "seed": 7,
    "data": "digits [small], 1797 pictures",
    "versions": {"python": "3.11"},
}
GPU = {"seconds": [5.0, 0.1, 0.2, 0.3], "device": "cuda:0 (NVIDIA A10G)", "error": 0.5}
HOST = {"name": "trainer", "instance_type": "g5.xlarge", "gpu": "NVIDIA A10G", "cpu": "EPYC", "cores": 4}


def half(folder: Path, asked: str, **changes: object) -> Half:
    """Write what a script would, and read it."""
    (folder / FILE).write_text(json.dumps({**GOOD, **changes}))
    return Half.read(folder / FILE, asked, "python lenet.py")


def comparison(folder: Path, **gpu: object) -> Comparison:
    """Return both halves; `gpu` goes into the GPU's file."""
    cpu, other = half(folder, "cpu"), half(folder, "gpu", **{**GPU, **gpu})
    return Comparison(recipe="pytorch", date="2026-01-02 03:04 UTC", host=HOST, cpu=cpu, gpu=other)


def shown(compared: Comparison) -> str:
    """Return the table as a terminal of 120 columns shows it."""
    out = io.StringIO()
    Console(file=out, width=120).print(compared.table())
    return out.getvalue()


def test_the_table_leaves_the_first_unit_out(tmp_path: Path) -> None:
    text = shown(comparison(tmp_path))
    rows = {line.split("  ")[1]: line.split() for line in text.splitlines() if line.startswith("  ")}
    assert rows["cpu"][1:] == ["3", "2", "4", "18", "0.0125"]
    assert rows["cuda:0 (NVIDIA A10G)"][3:] == ["0.2", "0.1", "0.3", "5.6", "0.5"]
    assert rows["CPU / GPU"][3:] == ["15"]
    for part in ("pytorch: digits [small], 1797 pictures, seed 7", "s per epoch", "15 times as fast"):
        assert part in text


def test_the_document_has_both_halves_and_the_ratio(tmp_path: Path) -> None:
    document = json.loads(json.dumps(comparison(tmp_path).to_document()))
    assert document["ratio"] == pytest.approx(15)
    assert document["cpu"]["seconds"] == GOOD["seconds"]
    assert document["gpu"]["device"] == GPU["device"]
    assert document["host"] == HOST


def test_without_a_gpu_table_document_and_title_say_so(tmp_path: Path) -> None:
    alone = Comparison(recipe="pytorch", date="2026-01-02 03:04 UTC", host=HOST, cpu=half(tmp_path, "cpu"), gpu=None)
    assert "this host has no GPU" in shown(alone)
    assert "CPU / GPU" not in shown(alone)
    assert "this host has no GPU" in alone.to_document()["verdict"]
    assert alone.to_document()["ratio"] is None
    plot(alone, tmp_path / "bench.png")
    assert heights(tmp_path / "bench.png", "CPU")
    assert not heights(tmp_path / "bench.png", "GPU")


def test_a_cpu_that_is_faster_is_said_to_be(tmp_path: Path) -> None:
    assert comparison(tmp_path, seconds=[9.0, 6.0, 6.0, 6.0]).verdict == "the CPU is 2 times as fast as the GPU"


def test_a_single_unit_is_all_there_is_to_count(tmp_path: Path) -> None:
    one = half(tmp_path, "cpu", seconds=[2.5])
    assert one.median == pytest.approx(2.5)


def heights(path: Path, name: str) -> list[int]:
    """Return the rows of a plot's axes that have pixels of a half's colour."""
    wanted = tuple(bytes.fromhex(COLOURS[name][1:]))
    with Image.open(path) as opened:
        picture = opened.convert("RGB").crop((0, 0, opened.width, opened.height * 3 // 4))
    pixels = picture.load()
    assert pixels is not None
    return [y for y in range(picture.height) if any(pixels[x, y] == wanted for x in range(picture.width))]


def test_the_plot_draws_the_slower_half_above(tmp_path: Path) -> None:
    plot(comparison(tmp_path), tmp_path / "bench.png")
    cpu, gpu = heights(tmp_path / "bench.png", "CPU"), heights(tmp_path / "bench.png", "GPU")
    assert max(cpu) < max(gpu)
    assert min(cpu) < min(gpu)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": "step"}, '"unit" has to be one of epoch, iteration'),
        ({"seconds": []}, '"seconds" has to be a list of numbers above zero'),
        ({"seconds": [1.0, 0]}, '"seconds"'),
        ({"seconds": [1.0, True]}, '"seconds"'),
        ({"error": float("nan")}, '"error" has to be a finite number'),
        ({"seed": "0"}, '"seed" has to be a whole number'),
        ({"data": ""}, '"data" has to be a string that is not empty'),
        ({"versions": {"python": 3}}, '"versions.python" has to be a string'),
        ({"device": "cuda:0"}, '"device" says cuda:0'),
    ],
)
def test_a_file_that_breaks_the_contract_names_key_and_script(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput) as raised:
        half(tmp_path, "cpu", **changes)
    assert said in str(raised.value)
    assert "CPU half" in str(raised.value)
    assert "python lenet.py" in str(raised.value)


def test_a_gpu_half_that_ran_on_the_cpu_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match='GPU half: "device" says cpu'):
        half(tmp_path, "gpu")


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({key: GOOD[key] for key in ("unit", "seconds", "error", "device")}))
    with pytest.raises(BadInput) as raised:
        Half.read(tmp_path / FILE, "cpu", "python lenet.py")
    for key in ("measure", "seed", "data", "versions"):
        assert f'"{key}" is missing' in str(raised.value)


@pytest.mark.parametrize(("text", "said"), [(None, "was not written"), ("{", "cannot be read"), ("[]", "a table")])
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(BadInput, match=said):
        Half.read(tmp_path / FILE, "gpu", "python lenet.py")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 8}, '"seed" is 7 on the CPU and 8 on the GPU'),
        ({"data": "other"}, '"data" is digits'),
        ({"unit": "iteration"}, '"unit" is epoch'),
        ({"seconds": [1.0, 1.0]}, '"number of seconds" is 4'),
    ],
)
def test_halves_that_did_other_work_are_not_compared(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match="bench of pytorch") as raised:
        comparison(tmp_path, **change)
    assert said in str(raised.value)
