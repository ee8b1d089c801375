"""The guard on a real box: there though the setup fails, told of by `fab`, held awake, and the box really powers off."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.life import guard
from provision.model.target import Target
from provision.transport.session import Session
from tests.kit.box import BOOT, Machine, booted, quiet, run
from tests.kit.fab import FAB, fab_ends
from tests.kit.wait import until

TARGET = Target(
    idle_stop_minutes=90,
    lifetime_hours=5,
    before_stop="echo saved >~/saved",
    # No archive of packages answers: base fails in its first lines.
    mirrors={"apt": {"http://": "http://127.0.0.1:9/"}},
)
AN_HOUR_AGO = """
import json, time
path = "/run/gpurig-guard/seen.json"
seen = json.load(open(path))
seen["used"] -= 6000
json.dump(seen, open(path, "w"))
"""


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


def test_from_the_first_boot_to_the_last_stop(machine: Machine, home: Path) -> None:
    known(machine, home)
    until(lambda: json.loads(fab_ends(0, "status", "--json").stdout)["last"], 120, pause=1)
    answer = json.loads(fab_ends(0, "status", "--json").stdout)
    assert (answer["last"]["event"], answer["last"]["step"]) == ("failed", "base")
    assert run(machine, "systemctl is-active gpurig-guard.timer gpurig-lifetime.timer").split() == ["active"] * 2

    run(machine, "systemctl start gpurig-guard.service")
    assert "stops at" in fab_ends(0, "status").stdout
    held = fab_ends(0, "keep-awake", "2h").stdout
    assert "kept awake until" in held
    assert "whatever it does" in held

    fab_ends(0, "run", "--detach", "--", "sleep", "1000")
    with (home / "followed").open("w") as out:
        follower = subprocess.Popen([*FAB, "logs", "--follow"], stdout=out, stderr=out)
    try:
        booted = run(machine, BOOT)
        with Session(machine.host, tell=quiet) as session:
            seen = guard.set_lifetime(session, time.time() + 25)
        assert seen["lifetime_until"] == pytest.approx(time.time() + 25, abs=15)
        run(machine, "systemctl start gpurig-guard.service")
        until(lambda: "powers off in 0 min" in (home / "followed").read_text(), pause=0.5)
        again = started_again(machine)
    finally:
        follower.kill()
        follower.wait()
    known(again, home)
    until(lambda: subprocess.run([*FAB, "ps"], capture_output=True, check=False).returncode == 0, pause=1)
    assert run(again, BOOT) != booted
    with Session(again.host, tell=quiet) as session:
        run(again, "systemctl start gpurig-guard.service")
        seen = guard.look(session)
    assert seen["lifetime_until"] == pytest.approx(time.time() + 5 * 3600, abs=600)
    assert seen["awake_until"]
    assert run(again, "cat /home/ubuntu/saved") == "saved\n"
    fab_ends(0, "timeline", "--output", "page.html")
    assert "it powered itself off: its lifetime is over" in (home / "page.html").read_text()

    fab_ends(0, "keep-awake", "--off")
    run(again, f"systemctl stop gpurig-guard.timer 'gpurig-run-*'; python3 -c '{AN_HOUR_AGO}'")
    run(again, "systemctl start --no-block gpurig-guard.timer")
    until(lambda: state(again) == "stopped", 180, pause=1)
