"""An engine that is killed, interrupted, or finds another one at work."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rehearsal.engine.lab import standin_only

if TYPE_CHECKING:
    import subprocess

    from tests.rehearsal.engine.lab import Lab

pytestmark = pytest.mark.standins

BEFORE = "Thing('gone')\nThing('changed', size=1)\nThing('replaced', fixed=1)"
AFTER = """
n = Thing('new')
c = Thing('changed', size=2, opts=Opts(depends_on=[n]))
Thing('replaced', fixed=2, opts=Opts(depends_on=[c]))
"""
BOUNDARIES = [
    ("Create", "new"),
    ("Update", "changed"),
    ("Create", "replaced"),
    ("Delete", "replaced"),
    ("Delete", "gone"),
]
PENDING = {"Create": "creating", "Update": "updating", "Delete": "deleting"}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("method", "name"), BOUNDARIES, ids=[f"{m}-{n}" for m, n in BOUNDARIES])
def test_killed_at_any_step_the_next_run_makes_it_whole(lab: Lab, method: str, name: str, when: str) -> None:
    lab.up(BEFORE)
    lab.rules({"method": method, "name": name, "kill": when})
    lab.program(AFTER)
    lab.run("up", "--yes", "--skip-preview", code=-signal.SIGKILL)
    lab.rules()
    assert f"{PENDING[method]} {name}" in lab.pending
    if method == "Create":
        urn = f"urn:pulumi:dev::proj::lab:index:Thing::{name}"
        (lost,) = [o["resource"]["urn"] for o in lab.latest["pending_operations"] if o["type"] == "creating"]
        assert lost == urn
    lab.run("cancel", "--yes")
    assert "pending operations" not in lab.preview().text
    assert "pending operations" in lab.up().text
    lost = _without_a_resource(lab)
    assert len(lost) == ((method, when) == ("Create", "after"))
    for file in lost:  # as the warning says: looked for and deleted by hand
        file.unlink()
    assert lab.objects == {
        "new": {"size": 1},
        "changed": {"size": 2},
        "replaced": {"fixed": 2, "size": 1},
    }
    assert lab.pending == ([f"creating {name}"] if method == "Create" else [])
    lab.run("refresh", "--yes", "--clear-pending-creates")
    assert lab.pending == []
    lab.run("preview", "--expect-no-changes")
    lab.run("destroy", "--yes", "--skip-preview")
    assert lab.objects == {}
    assert _programs_of(lab) == []


def _programs_of(lab: Lab) -> list[str]:
    """Return the command lines of Python programs that still run for the lab's project, once they had time to end."""
    deadline = time.monotonic() + 20
    while True:
        commands = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                commands.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        left = [command for command in commands if str(lab.project) in command and "langhost" in command]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.2)


def _without_a_resource(lab: Lab) -> list[Path]:
    """Return the objects of the cloud that no resource of the state stands for."""
    known = {resource.get("id") for resource in lab.latest["resources"]}
    return [file for file in (lab.cloud / "objects").glob("*.json") if file.stem not in known]


def test_a_preview_of_an_interrupted_stack_changes_nothing(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "a", "kill": "before"})
    lab.program("Thing('a')")
    lab.run("up", "--yes", "--skip-preview", code=-signal.SIGKILL)
    state = lab.state_file.read_bytes()
    lab.preview()
    assert lab.state_file.read_bytes() == state


def _begun(lab: Lab, process: subprocess.Popen[str], what: str) -> None:
    for _ in range(600):
        if what in lab.changes:
            return
        assert process.poll() is None
        time.sleep(0.05)
    raise AssertionError(f"{what} never began")


def test_an_interrupt_lets_the_running_step_end_and_begins_nothing_new(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "slow", "delay": 2})
    lab.program("s = Thing('slow')\nThing('after', opts=Opts(depends_on=[s]))")
    process = lab.start("up", "--yes", "--skip-preview")
    _begun(lab, process, "Create slow")
    os.kill(process.pid, signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 1, text
    assert "update canceled" in text
    assert set(lab.objects) == {"slow"}
    assert lab.resource("slow")["id"]
    assert lab.pending == []
    lab.rules()
    lab.up()
    assert lab.changes == ["Create after"]


@standin_only
def test_a_second_interrupt_ends_at_once_and_the_state_says_what_was_begun(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "slow", "delay": 30})
    lab.program("Thing('slow')")
    process = lab.start("up", "--yes", "--skip-preview")
    _begun(lab, process, "Create slow")
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 1
    assert lab.pending == ["creating slow"]


def test_two_updates_of_a_stack_exclude_each_other(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "slow", "delay": 4})
    lab.program("Thing('slow')")
    process = lab.start("up", "--yes", "--skip-preview")
    _begun(lab, process, "Create slow")
    refusal = lab.run("destroy", "--yes", "--skip-preview", code=1).text
    assert "currently locked by 1 lock" in refusal
    assert f"pid {process.pid}" in refusal
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    lab.run("destroy", "--yes", "--skip-preview")


def test_the_lock_of_a_killed_update_holds_until_it_is_cancelled(lab: Lab) -> None:
    lab.rules({"method": "Create", "name": "a", "kill": "before"})
    lab.program("Thing('a')")
    lab.run("up", "--yes", "--skip-preview", code=-signal.SIGKILL)
    lab.rules()
    for verb in ("up", "refresh", "destroy"):
        refusal = lab.run(verb, "--yes", "--skip-preview", code=1).text
        assert "the stack is currently locked by 1 lock(s)" in refusal
        assert "`pulumi cancel`" in refusal
    assert lab.changes == []
    lab.run("cancel", "--yes")
    lab.up()
    assert set(lab.objects) == {"a"}


@standin_only
@pytest.mark.parametrize(("answer", "left"), [("yes", []), ("no", ["creating a"])])
def test_on_a_terminal_a_refresh_asks_about_an_interrupted_creation(lab: Lab, answer: str, left: list[str]) -> None:
    lab.rules({"method": "Create", "name": "a", "kill": "before"})
    lab.program("Thing('a')")
    lab.run("up", "--yes", "--skip-preview", code=-signal.SIGKILL)
    lab.run("cancel")
    text = lab.on_terminal("refresh", "--yes", typed=f"{answer}\n")
    assert "lab:index:Thing::a was interrupted while it was created" in text
    assert lab.pending == left


def test_a_lock_of_another_engine_holds_until_it_is_cancelled(lab: Lab) -> None:
    folder = lab.home / "backend" / ".pulumi" / "locks" / "organization" / "proj" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    holder = {"pid": 7, "username": "someone", "hostname": "there", "timestamp": "2024-01-01T00:00:00Z"}
    (folder / "other.json").write_text(json.dumps(holder))
    assert "someone@there (pid 7)" in lab.up("Thing('a')", code=1).text
    lab.preview()
    lab.run("cancel", "--yes")
    lab.up()
