"""What is known of this machine's card: what nvidia-smi tells, and nothing in place of what it does not tell."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rehearsal.boxes import card
from rehearsal.errors import RehearsalError
from rehearsal.gpu import check
from rehearsal.gpu.check import Plan, facts
from tests.kit.programs import write_program

H200 = "NVIDIA H200, 580.1, 9.0, 143771"


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> dict[str, Any]:
    """Return what is known of a machine whose nvidia-smi says these lines."""
    write_program(folder / "nvidia-smi", f"printf '%s\\n' {' '.join(map(repr, lines))}")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(card, "why_none", lambda: "")
    return facts()


def test_a_card_is_what_nvidia_smi_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"card": "NVIDIA H200", "cards": 2, "driver": "580.1", "compute": "9.0", "memory_mib": 143771}
    assert told(tmp_path, monkeypatch, H200, H200) == known


@pytest.mark.parametrize("memory", ["[N/A]", "[Not Supported]", "[Insufficient Permissions]"])
def test_a_memory_that_is_not_told_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str) -> None:
    known = told(tmp_path, monkeypatch, f"NVIDIA GB10, 580.1, 12.1, {memory}")
    assert (known["compute"], known["memory_mib"]) == ("12.1", None)


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        ({"card": "NVIDIA A40", "compute": "8.6"}, "8.6"),
        ({"card": "NVIDIA B200", "compute": "10.0"}, "10.0"),
        ({"card": "Tesla T4", "compute": ""}, "Tesla T4"),
    ],
)
def test_recipes_go_by_the_capability_of_a_card_or_else_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: dict[str, Any], kind: str
) -> None:
    asked = []

    def as_user(_: Path, *words: str, seconds: float) -> subprocess.CompletedProcess[str]:
        assert seconds > 0
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, "a word before it\n" + json.dumps([{"name": "base"}]))

    monkeypatch.setattr(check, "as_user", as_user)
    plan = Plan(image="ubuntu-22.04", into=tmp_path, state=tmp_path, card=own)
    assert check._rows(plan) == [{"name": "base"}]
    assert asked == [("fab", "recipes", "--json", "--image", "ubuntu-22.04", "--gpu", kind)]


def test_a_card_that_tells_no_capability_and_is_no_known_model_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = told(tmp_path, monkeypatch, "NVIDIA Quadro NVS 290, 390.1, [N/A], 256")
    assert own["compute"] == ""
    refused = subprocess.CompletedProcess((), 2, "error: no GPU model is known\n")
    monkeypatch.setattr(check, "as_user", lambda *_, **__: refused)
    plan = Plan(image="ubuntu-22.04", into=tmp_path, state=tmp_path, card=own)
    with pytest.raises(RehearsalError, match=r"Quadro NVS 290.* provision/model/platforms\.toml .*: add it there"):
        check._rows(plan)
