"""What comes over SSH to start the program on the box: it finds it there, asks for it, or mends what is damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from provision.agent.paths import MACHINE_HOME, MEMORY
from provision.bundle import program
from provision.transport import launcher

ACCOUNT = {"user": "nobody", "mount_point": "/nowhere", "volume_id": ""}


class Box:
    """A machine whose home of the program is a folder."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.place = self.home / "agent" / program.digest()
        self.modules = self.place / "provision" / "agent"

    def ask(self) -> tuple[bool, str]:
        """Ask for the facts; returns whether the program had to be sent, and the kind of the last event."""
        text = launcher.LAUNCHER.replace(str(MACHINE_HOME), str(self.home))
        command = [sys.executable, "-IS", "-c", text, json.dumps({"agent": program.digest()})]
        whole = launcher.whole({"verb": "facts"}, ACCOUNT, agent=True)  # type: ignore[typeddict-item,arg-type]
        env = {**os.environ, "GPURIG_HOME": str(self.home)}
        done = subprocess.run(command, input=whole, capture_output=True, check=False, env=env, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return events[0] == {"event": "send", "agent": True}, events[-1]["event"]

    def early(self, *given: bytes) -> list[str]:
        """Start it before there is a request, and give it these; returns the kinds of events."""
        text = launcher.LAUNCHER.replace(str(MACHINE_HOME), str(self.home))
        command = [sys.executable, "-IS", "-c", text, json.dumps({"agent": program.digest(), "early": False})]
        env = {**os.environ, "GPURIG_HOME": str(self.home)}
        done = subprocess.run(command, input=b"".join(given), capture_output=True, check=False, env=env, timeout=60)
        assert (done.returncode, done.stderr) == (0, b"")
        return [json.loads(line)["event"] for line in done.stdout.splitlines()]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_the_program_is_sent_once(box: Box) -> None:
    assert box.ask() == (True, "facts")
    assert {str(path.relative_to(box.place)) for path in box.modules.glob("*.py")} == program.files().keys()
    assert [path.name for path in box.place.parent.iterdir()] == [program.digest()]
    assert box.ask() == (False, "facts")


@pytest.mark.parametrize("damage", [b"raise SystemExit(9)", b"\xff\xfe", b"", None])
def test_a_damaged_program_is_sent_again(box: Box, damage: bytes | None) -> None:
    box.ask()
    path = box.modules / "facts.py"
    path.unlink() if damage is None else path.write_bytes(damage)
    assert box.ask() == (True, "facts")
    assert path.read_text(encoding="utf-8") == program.files()["provision/agent/facts.py"]


def test_bytecode_that_was_cut_short_is_made_anew(box: Box) -> None:
    box.ask()
    (cached,) = (box.modules / "__pycache__").glob("facts.*.pyc")
    size = cached.stat().st_size
    os.truncate(cached, size - 100)
    assert box.ask() == (False, "facts")
    assert cached.stat().st_size == size


def test_where_it_cannot_be_kept_it_answers_all_the_same(box: Box) -> None:
    box.home.write_text("no folder")
    assert box.ask() == (True, "facts")
    assert not list(Path(MEMORY).glob("*/provision")), "it goes with the answer"


def test_a_version_that_is_asked_is_in_use(box: Box) -> None:
    box.ask()
    os.utime(box.place, (0, 0))
    box.ask()
    assert box.place.stat().st_mtime > 0


def test_a_program_that_was_started_early_takes_its_request_by_the_line(box: Box) -> None:
    box.ask()
    whole = launcher.whole({"verb": "facts"}, ACCOUNT, agent=False)  # type: ignore[typeddict-item,arg-type]
    line = launcher.line({"verb": "facts"})  # type: ignore[typeddict-item]
    assert box.early(line, whole) == ["alive", "send", "facts"]
    assert box.early() == []
    assert box.early(line[:-5]) == [], "a request that was cut short is none"


def test_a_box_that_lacks_the_program_ends_what_is_started_early_without_a_word(box: Box) -> None:
    assert box.early(launcher.line({"verb": "facts"})) == []  # type: ignore[typeddict-item]
    assert not box.home.exists()
