"""CPU against GPU: what two halves of a bench become, and what the card did meanwhile."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from provision.model.errors import BadInput
from provision.work.card import Card
from provision.work.comparison import Comparison
from provision.work.plot import COLOURS, plot, small_print
from tests.kit.bench import GOOD, GPU, HOST, OTHER, comparison, half


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
    ("change", "said"),
    [
        ({"seed": 8}, '"seed" is 7 on the CPU and 8 on the GPU'),
        ({"data": "other"}, '"data" is digits'),
        ({"unit": "iteration"}, '"unit" is epoch'),
        ({"versions": {"python": "3.12"}}, '"versions" is'),
        ({"pictures": 1000}, '"pictures" is [None] on the CPU and [1000] on the GPU'),
        ({"seconds": [1.0, 1.0], "losses": [1.0, 1.0]}, '"number of seconds" is 4'),
    ],
)
def test_halves_that_did_other_work_are_not_compared(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match="bench of pytorch") as raised:
        comparison(tmp_path, **change)
    assert said in str(raised.value)


def test_each_setting_has_its_rows_and_its_ratio(tmp_path: Path) -> None:
    cpu = half(tmp_path, "cpu", setting="batches of 1,000", pictures=60000, others=[{**OTHER, "pictures": 60000}])
    quick = {**OTHER, "seconds": [1.0, 2.0], "pictures": 60000}
    gpu = half(tmp_path, "gpu", **GPU, setting="batches of 1,000", pictures=60000, others=[quick])
    compared = Comparison(recipe="pytorch", date="2026-01-02 03:04 UTC", host=HOST, cpu=cpu, gpu=gpu)
    lines = [line.split("  ")[1].strip() for line in shown(compared).splitlines() if line.startswith("  ")]
    rows = [line for line in lines if line in ("batches of 1,000", "batches of 100", "cpu", "CPU / GPU")]
    assert rows == ["batches of 1,000", "cpu", "CPU / GPU", "batches of 100", "cpu", "CPU / GPU"]
    assert "15 times" in compared.verdict
    assert [row["ratio"] for row in compared.to_document()["settings"]] == [pytest.approx(15), pytest.approx(4)]
    rates = [row["pictures_per_second_gpu"] for row in compared.to_document()["settings"]]
    assert rates == [pytest.approx(300_000), pytest.approx(30_000)]
    assert "300,000" in shown(compared)
    with pytest.raises(BadInput, match='"setting" is'):
        Comparison(recipe="pytorch", date="", host=HOST, cpu=cpu, gpu=half(tmp_path, "gpu", **GPU))


def gauge(index: str, use: float | None, used: float | None, watts: float | None) -> dict[str, Any]:
    """Return what nvidia-smi says of a card."""
    return {"index": index, "name": "A10G", "use": use, "used": used, "total": 23028, "celsius": 40, "watts": watts}


def test_what_the_card_did_is_of_its_number_and_of_its_time_at_work(tmp_path: Path) -> None:
    at_work = half(tmp_path, "gpu", **{**GPU, "device": "cuda:1 (A10G)"}, between=[100.0, 110.0])
    seen: Any = [
        (99.0, [gauge("1", 1, 1, 1)]),
        (100.4, [gauge("1", 1, 1, 1)]),  # its use looks back to before
        (102.0, [gauge("0", 5, 5, 5), gauge("1", 60, 1024, 100)]),
        (104.0, [gauge("0", 5, 5, 5), gauge("1", 80, 2048, 200)]),
        (111.0, [gauge("1", 1, 1, 1)]),
    ]
    card = Card.of(at_work, seen)
    assert card == Card(busy=70, memory_gib=2, watts=150, looks=2)
    assert Card.of(at_work, seen[:2]) is None
    nameless = half(tmp_path, "gpu", **{**GPU, "device": "gpu (NVIDIA A10G)"})  # no number of a card
    assert Card.of(nameless, seen) is None
    alone: Any = [(102.0, [gauge("2", 60, 1024, 100)])]
    assert Card.of(nameless, alone) == Card(busy=60, memory_gib=1, watts=100, looks=1)
    silent = Card.of(at_work, [(105.0, [gauge("1", None, None, None)])])  # type: ignore[list-item]
    assert silent
    assert silent.told == ("n/a", "n/a", "n/a")


def with_card(folder: Path, busy: float | None, **gpu: object) -> Comparison:
    """Return a comparison whose card was so busy."""
    card = Card(busy=busy, memory_gib=1.5, watts=240, looks=9)
    found = comparison(folder, **gpu)
    return Comparison(recipe=found.recipe, date=found.date, host=found.host, cpu=found.cpu, gpu=found.gpu, card=card)


def test_the_card_is_in_table_document_and_plot(tmp_path: Path) -> None:
    busy = with_card(tmp_path, 95)
    row = next(line for line in shown(busy).splitlines() if "NVIDIA A10G" in line)
    assert row.split()[-6:] == ["95", "%", "1.5", "GiB", "240", "W"]
    assert busy.to_document()["card"] == {"busy": 95, "memory_gib": 1.5, "watts": 240, "looks": 9}
    assert busy.why_idle == ""
    assert "the GPU: 95 % busy, 1.5 GiB of memory, 240 W" in small_print(busy)


def test_below_half_busy_the_summary_says_what_the_time_went_to(tmp_path: Path) -> None:
    idle = with_card(tmp_path, 5, spent={"computing": 0.3, "waiting for the next pictures": 7.4})
    said = "the GPU was 5 % busy: of 7.7 s per epoch, 0.3 s computing, 7.4 s waiting for the next pictures"
    assert said in shown(idle)
    assert idle.to_document()["why_idle"] == said
    assert said in small_print(idle).replace("\n", " ")
    without = "of 0.2 s per epoch, 0.01 s computing, 0.19 s in the program between two kernels"
    assert with_card(tmp_path, 5).why_idle == f"the GPU was 5 % busy: {without}", "where the bench does not say it"
    assert with_card(tmp_path, 50).why_idle == ""
    assert "is not known" in with_card(tmp_path, None).why_idle


def test_a_card_that_nobody_saw_is_said_to_be_unknown(tmp_path: Path) -> None:
    unseen = comparison(tmp_path)
    said = "how busy the GPU was is not known"
    for place in (shown(unseen), small_print(unseen), unseen.to_document()["why_idle"]):
        assert said in place
    alone = Comparison(recipe="pytorch", date="", host=HOST, cpu=half(tmp_path, "cpu"), gpu=None)
    assert said not in shown(alone)


def test_other_settings_are_drawn_faint(tmp_path: Path) -> None:
    strong = bytes.fromhex(COLOURS["CPU"][1:])
    faint = tuple(round(0.4 * part + 0.6 * 255) for part in strong)

    def pixels(*others: dict[str, Any]) -> int:
        cpu = half(tmp_path, "cpu", others=others)
        plot(Comparison(recipe="pytorch", date="", host=HOST, cpu=cpu, gpu=None), tmp_path / "bench.png")
        with Image.open(tmp_path / "bench.png") as opened:
            picture = np.asarray(opened.convert("RGB"), dtype=int)
        return int((abs(picture - faint).max(axis=2) < 2).sum())

    other = {**OTHER, "seconds": [8.0, 3.0, 8.0, 3.0], "losses": [1.0] * 4}
    assert pixels(other) > 2 * pixels()
