"""What the program on the box makes of what the guard has seen, and what it takes for an end."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from provision.agent import guard
from provision.agent.reply import Refused
from provision.agent.verbs import Verb

ACCOUNT: Any = {"user": "ubuntu", "mount_point": "/jobs", "volume_id": ""}


@pytest.fixture(autouse=True)
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with a guard, in a folder."""
    for name in ("SEEN", "AWAKE", "LIFETIME", "NOTICES", "_TIMES"):
        monkeypatch.setattr(guard, name, tmp_path / name)
    monkeypatch.setattr(guard, "_there", lambda: True)
    monkeypatch.setattr(guard, "run_checked", lambda *_: None)
    return tmp_path


def saw(box: Path, **seen: Any) -> None:
    document = {"looked": time.time(), "busy": [], "idle_minutes": 120, "idle_since": None, "lifetime_until": None}
    (box / "SEEN").write_text(json.dumps({**document, **seen}))


def asked(capsys: pytest.CaptureFixture[str], awake: float | None = None, lifetime: float | None = None) -> Any:
    guard.guard({"verb": Verb.GUARD, "awake_until": awake, "lifetime_until": lifetime}, ACCOUNT)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("seen", "awake", "lifetime", "stops"),
    [
        ({"busy": ["x"]}, None, None, None),
        ({"busy": ["x"], "lifetime_until": 5e9}, None, None, 5e9),
        ({"idle_since": 4e9}, None, None, 4e9 + 7200),
        ({"idle_since": 4e9}, 6e9, None, 6e9),
        ({"idle_since": 4e9}, 4e9, None, 4e9 + 7200),
        ({"idle_since": 4e9, "lifetime_until": 5e9}, 6e9, None, 5e9),
        ({"idle_since": 4e9, "lifetime_until": 4e9}, None, 4.5e9, 4e9 + 7200),
        ({"idle_since": 4e9, "lifetime_until": 4e9}, 7e9, 4.5e9, 4.5e9),
        ({"idle_since": 4e9, "idle_minutes": 0}, None, None, None),
    ],
)
def test_when_it_would_stop(
    box: Path, seen: Any, awake: float | None, lifetime: float | None, stops: float | None
) -> None:
    saw(box, **seen)
    for name, moment in (("AWAKE", awake), ("LIFETIME", lifetime)):
        if moment:
            (box / name).write_text(f"{moment:.0f}\n")
    assert guard.guard_of_box()["stops_at"] == stops


def test_what_is_not_whole_is_as_if_it_were_not_there(box: Path) -> None:
    for name in ("SEEN", "AWAKE", "LIFETIME"):
        (box / name).write_text('{"loo')
    found = guard.guard_of_box()
    assert (found["looked"], found["awake_until"], found["lifetime_until"], found["stops_at"]) == (None,) * 4


def test_held_awake_until_a_moment_or_no_longer(box: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saw(box, idle_since=time.time())
    assert asked(capsys, awake=5e9)["awake_until"] == 5e9
    assert asked(capsys)["awake_until"] == 5e9
    assert asked(capsys, awake=0)["awake_until"] is None
    assert not (box / "AWAKE").exists()


def test_a_lifetime_is_a_moment_of_the_calendar_in_place_of_hours(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(capsys, lifetime=5e9)["lifetime_until"] == 5e9
    assert (box / "_TIMES").read_text() == "[Timer]\nOnStartupSec=\nOnCalendar=2128-06-11 08:53:20 UTC\n"


@pytest.mark.parametrize("which", ["awake", "lifetime"])
def test_a_moment_that_is_over_is_refused(box: Path, capsys: pytest.CaptureFixture[str], which: str) -> None:
    with pytest.raises(Refused, match="over by the clock of this box"):
        asked(capsys, **{which: time.time() - 1})
    assert not list(box.iterdir())


def test_without_a_guard_there_is_nothing_to_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "_there", lambda: False)
    assert asked(capsys)["there"] is False
    with pytest.raises(Refused, match="no guard") as caught:
        asked(capsys, awake=5e9)
    assert "idleStopMinutes" in caught.value.hint


def test_of_notices_only_whole_lines_after_a_moment_count(box: Path) -> None:
    (box / "NOTICES").write_text('{"at": 1, "text": "a"}\n{"at": 3, "text": "b"}\n[]\n{"at": "x"}\n{"at": 9, "te')
    assert guard.rows_of(box / "NOTICES", 2) == [{"at": 3, "text": "b"}]
    assert guard.rows_of(box / "nothing") == []
