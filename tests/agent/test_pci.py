"""Which cards a machine says that it has: NVIDIA's own, and none that it has given away."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision.agent import facts

RTX_3090 = "pci:v000010DEd00002204sv00001458sd0000403Bbc03sc00i00"
SOUND = "pci:v000010DEd00001AEFsv00001458sd0000403Bbc04sc03i00"
OTHERS = "pci:v00001A03d00002000sv00001A03sd00002000bc03sc00i00"


@pytest.mark.parametrize(
    ("alias", "driver", "there"),
    [
        (RTX_3090, "", True),
        (RTX_3090, "nvidia", True),
        (RTX_3090, "nouveau", True),
        (RTX_3090, "vfio-pci", False),
        (RTX_3090, "pciback", False),
        (SOUND, "", False),
        (OTHERS, "ast", False),
    ],
)
def test_a_card_that_is_passed_through_to_a_virtual_machine_is_not_this_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alias: str, driver: str, *, there: bool
) -> None:
    device = tmp_path / "devices" / "0000:01:00.0"
    device.mkdir(parents=True)
    (device / "modalias").write_text(f"{alias}\n")
    if driver:
        (tmp_path / "drivers" / driver).mkdir(parents=True)
        (device / "driver").symlink_to(f"../../drivers/{driver}")
    monkeypatch.setattr(facts, "DEVICES", tmp_path / "devices")
    assert [row[:2] for row in facts.machine()["pci"]] == ([["0000:01:00.0", "2204"]] if there else [])
