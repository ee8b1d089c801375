"""`fab resume` on a box that is up again: what was cut off goes on once, in its folder, by the command for that."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import Unreachable
from provision.model.target import Target
from provision.transport import notice
from provision.transport.session import Session
from tests.kit.box import BOOT, Machine, quiet, run
from tests.kit.fab import fab_ends, write_hosts
from tests.kit.wait import until


@pytest.fixture
def project(machine: Machine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's project; the box forgets the runs and work of the test."""
    monkeypatch.setenv("GPURIG_HOSTS", str(home / "hosts.toml"))
    write_hosts(home, "box", address=machine.host.address, port=22)
    (home / "project").mkdir()
    yield home / "project"
    run(machine, "systemctl stop 'gpurig-run-*'; rm -rf /jobs/runs /jobs/work /home/ubuntu/gone")


def fab(project: Path, *words: str, code: int = 0) -> str:
    done = fab_ends(code, *words, cwd=project)
    return done.stdout + done.stderr


def ps(project: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in map(json.loads, fab(project, "ps", "--json").splitlines())}


def restart(machine: Machine) -> None:
    before = run(machine, BOOT)
    run(machine, "systemctl --no-block reboot")

    def is_back() -> bool:
        try:
            return run(machine, BOOT) != before
        except Unreachable:
            return False

    until(is_back, 120)


def test_what_went_down_with_its_box_goes_on_once(machine: Machine, project: Path) -> None:
    text = 'echo part ${GPURIG_RESUMED-first}; echo here >>"$GPURIG_RESULTS/here"; sleep 1000'
    fab(project, "run", "--name", "same", "--detach", "--command", text)
    again = 'echo "resumed $GPURIG_RESUMES of $WHO"; cat "$GPURIG_RESULTS/mine"'
    first = 'echo mine >"$GPURIG_RESULTS/mine"; sleep 1000'
    fab(project, "run", "--name", "other", "--resume", again, "--detach", "--command", first)
    fab(project, "run", "--name", "once", "--no-resume", "--detach", "--", "sleep", "1000")
    fab(project, "run", "--name", "unwanted", "--detach", "--", "sleep", "1000")
    run(machine, "install -d -o ubuntu /home/ubuntu/gone")
    fab(project, "run", "--name", "gone", "--folder", "~/gone", "--detach", "--", "sleep", "1000")
    until(lambda: run(machine, "ls /jobs/runs/*/results").count("here") == 1)
    restart(machine)
    run(machine, "rm -r /home/ubuntu/gone")
    assert {row["resumable"] for row in ps(project).values() if row["name"] != "once"} == {True}
    assert "unwanted on box" in fab(project, "cancel", "unwanted")
    assert "to go on: fab resume" in fab(project, "ps")

    said = fab(project, "resume", "--plan")
    assert "same (lost: " in said
    assert "would go on in /jobs/runs/other: echo" in said
    assert "once" not in said
    assert "unwanted" not in said
    assert {row["state"] for row in ps(project).values()} == {"lost", "stopped"}

    refused = fab(project, "resume", "gone", code=2)
    assert "gone ran in /home/ubuntu/gone, and that is not there: it was on the root disk" in refused
    run(machine, "install -d -o ubuntu /home/ubuntu/gone")
    assert "other goes on on box" in fab(project, "resume", "--detach")
    assert "nothing on box" in fab(project, "resume", "--detach")
    until(lambda: ps(project)["other"]["state"] == "done")
    log = fab(project, "logs", "same")
    assert log.index("part first") < log.index("gpurig: ") < log.index("part 1")
    assert "resumed 1 of" in fab(project, "logs", "other")
    rows = ps(project)
    assert {name: row["resumed"] for name, row in rows.items()} == {
        **dict.fromkeys(("same", "other", "gone"), 1),
        **dict.fromkeys(("once", "unwanted"), 0),
    }
    fab(project, "fetch", "same")
    assert (project / "results/same/here").read_text() == "here\nhere\n"


def test_a_run_that_saves_itself_is_waited_for(project: Path) -> None:
    """The shell around a program does not end before it: what follows sees the program's own end."""
    program = (
        "import signal, sys, time\n"
        "def save(*_):\n    time.sleep(2)\n    print('saved', flush=True)\n    sys.exit(3)\n"
        "signal.signal(signal.SIGTERM, save)\nprint('ready', flush=True)\ntime.sleep(1000)\n"
    )
    (project / "train.py").write_text(program)
    fab(project, "sync")
    fab(project, "run", "--name", "saves", "--detach", "--", "python3", "train.py")
    until(lambda: "ready" in fab(project, "logs", "saves"))
    assert "stopped after" in fab(project, "cancel", "saves")
    assert fab(project, "logs", "saves").splitlines()[-1] == "saved"
    assert ps(project)["saves"]["code"] == 3


def test_a_box_that_is_paid_for_in_full_does_not_watch(machine: Machine) -> None:
    spot = dataclasses.replace(machine.host, target=Target(spot=True))
    with Session(spot, tell=quiet) as session:
        notice.watch(session)
    until(lambda: run(machine, "systemctl show -P ActiveState gpurig-watch") == "inactive\n", 30)
    run(machine, "systemctl disable gpurig-watch; rm /etc/systemd/system/gpurig-watch.service; systemctl daemon-reload")
