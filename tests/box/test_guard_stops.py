"""The guard on a real box: there though the setup fails, told of by `fab`, and it really powers the box off."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.life import guard
from provision.model.busy import BUSY
from provision.model.target import Target
from provision.transport.session import Session
from tests.kit.box import Machine, booted, quiet, run
from tests.kit.fab import FAB, fab_ends
from tests.kit.wait import until

pytestmark = pytest.mark.life

TARGET = Target(
    idle_stop_minutes=90,
    lifetime_hours=5,
    # A run that computes counts; what this test itself does does not, nor the box's console, which is a terminal here.
    busy={**BUSY, **dict.fromkeys(("cpu", "network", "connection"), 10**9), "terminal": 0},
    before_stop="echo saved >~/saved",
    # No archive of packages answers: base fails in its first lines.
    mirrors={"apt": {"http://": "http://127.0.0.1:9/"}},
)
LATER = """
import json
path = "/run/gpurig-guard/seen.json"
seen = json.load(open(path))
seen["used"] -= 60 * MINUTES
json.dump(seen, open(path, "w"))
"""
"""Has the guard see that so many minutes have passed since anybody used the box."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A box with a guard, whose setup fails."""
    folder = tmp_path_factory.mktemp("guarded")
    with booted(folder, render(["base"], TARGET), folder / "state") as machine:
        yield machine


def known(machine: Machine, home: Path) -> None:
    """Have `fab` know the box where it is now."""
    host = f'[host.box]\naddress = "{machine.host.address}"\ngpu = "none"\nrecipe = "base"\n'
    (home / "hosts.toml").write_text(host)
    keys = home / ".ssh" / "known_hosts"
    lines = keys.read_text().splitlines()
    keys.write_text("".join(f"{machine.host.address} {line.partition(' ')[2]}\n" for line in lines))


def state(machine: Machine) -> str:
    (reservation,) = machine.cloud.client("ec2").describe_instances(InstanceIds=[machine.host.instance_id])[
        "Reservations"
    ]
    return str(reservation["Instances"][0]["State"]["Name"])


def started_again(machine: Machine) -> Machine:
    """Start the box that has stopped; returns it where it is now."""
    ec2, identifier = machine.cloud.client("ec2"), machine.host.instance_id
    until(lambda: state(machine) == "stopped")
    ec2.start_instances(InstanceIds=[identifier])
    until(lambda: state(machine) == "running")
    (reservation,) = ec2.describe_instances(InstanceIds=[identifier])["Reservations"]
    host = dataclasses.replace(machine.host, address=reservation["Instances"][0]["PublicIpAddress"])
    return dataclasses.replace(machine, host=host)


def look(machine: Machine, minutes: int = 0) -> None:
    """Have the guard look, as if it were later."""
    later = LATER.replace("MINUTES", str(minutes))
    run(machine, f"test -e /run/gpurig-guard/seen.json && python3 -c '{later}'; systemctl start gpurig-guard.service")


def on_since(machine: Machine, unit: str) -> float:
    """Return when a unit was first started in this boot."""
    first = run(machine, f"journalctl --output=short-unix --unit={unit} | grep -m 1 -i started")
    return float(first.split()[0])


def looked(machine: Machine) -> str:
    """Return what `fab status` says when the guard has just looked."""
    look(machine)
    return fab_ends(0, "status").stdout


def test_what_is_idle_stops_by_itself_and_what_is_broken_by_its_lifetime(machine: Machine, home: Path) -> None:
    known(machine, home)
    until(lambda: json.loads(fab_ends(0, "status", "--json").stdout)["last"], 120, pause=1)
    answer = json.loads(fab_ends(0, "status", "--json").stdout)
    assert (answer["last"]["event"], answer["last"]["step"]) == ("failed", "base")
    assert run(machine, "systemctl is-active gpurig-guard.timer gpurig-lifetime.timer").split() == ["active"] * 2
    assert on_since(machine, "gpurig-lifetime.timer") < on_since(machine, "ssh.service")
    fab_ends(0, "run", "--detach", "--name", "works", "--", "timeout 40 sh -c 'while :; do :; done'")
    until(lambda: "awake: run works computes; would stop 90 min after it ends" in looked(machine))
    assert "kept awake until" in (held := fab_ends(0, "keep-awake", "2h").stdout)
    assert "whatever it does" in held
    until(
        lambda: "works" not in run(machine, "ls /sys/fs/cgroup/*/system.slice /sys/fs/cgroup/system.slice; true"),
        pause=1,
    )

    fab_ends(0, "run", "--detach", "--name", "hangs", "--", "sleep", "1000")
    with (home / "followed").open("w") as out:
        follower = subprocess.Popen([*FAB, "logs", "hangs", "--follow"], stdout=out, stderr=out)
    try:
        look(machine)
        look(machine, 100)
        assert "powers off" not in (home / "followed").read_text()
        assert "kept awake" not in fab_ends(0, "keep-awake", "--off").stdout
        look(machine, -18)
        until(lambda: re.search("powers off in [5-8] min", (home / "followed").read_text()), pause=0.5)
        look(machine, 10)
        until(lambda: "powers off: nobody has used it for 90 min" in (home / "followed").read_text(), pause=0.5)
        again = started_again(machine)
    finally:
        follower.kill()
        follower.wait()
    its_lifetime_counts_anew(again, home)


def its_lifetime_counts_anew(machine: Machine, home: Path) -> None:
    """See what a box that stopped tells after its next boot; there not even a guard in pieces holds it."""
    known(machine, home)
    until(lambda: subprocess.run([*FAB, "ps"], capture_output=True, check=False).returncode == 0, pause=1)
    look(machine)
    with Session(machine.host, tell=quiet) as session:
        assert guard.look(session)["lifetime_until"] == pytest.approx(time.time() + 5 * 3600, abs=600)
    assert run(machine, "cat /home/ubuntu/saved") == "saved\n"
    fab_ends(0, "timeline", "--output", "page.html")
    assert "it powered itself off: nobody has used it for 90 min" in (home / "page.html").read_text()
    fab_ends(0, "keep-awake", "2h")
    run(machine, "echo in pieces >/usr/local/sbin/gpurig-guard")
    with Session(machine.host, tell=quiet) as session:
        guard.set_lifetime(session, time.time() + 20)
    until(lambda: state(machine) == "stopped", pause=1)
