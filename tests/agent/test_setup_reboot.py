"""A reboot in the middle of a run, and the service that goes on after it; systemd is played by a script on PATH."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from provision.agent.service import SETUP, SETUP_MODULE
from provision.bundle.step import Bundle
from tests.kit.host import Client, Lab, gate, names, states
from tests.kit.programs import write_program
from tests.kit.wait import until


def fake_systemctl(lab: Lab, body: str = "") -> None:
    """Put a `systemctl` on PATH that writes down what it is asked."""
    write_program(lab.bin / "systemctl", f'echo "$*" >> "{lab.world}/systemctl"\n{body}')


def asked(lab: Lab) -> list[str]:
    return (lab.world / "systemctl").read_text().splitlines()


def power_cut(lab: Lab, client: Client) -> None:
    """Read to the reboot, then let the machine go down."""
    assert client.rest()[-1]["event"] == "reboot"
    until((lab.world / "systemctl").exists)
    lab.kill_runner()


@pytest.fixture
def bundle(lab: Lab) -> Bundle:
    """A driver that works after a reboot, with something before and after it."""
    fake_systemctl(lab)
    lab.recipe("base")
    lab.recipe(
        "driver",
        'needs = ["base"]\nreboot = true',
        body='touch driver; echo "rebooted=$GPURIG_REBOOTED" >> told; exit 100',
        verify="test -e driver -a -e booted",
    )
    lab.recipe("top", 'needs = ["driver"]')
    return lab.bundle("top")


def test_a_run_goes_on_after_the_reboot_it_asked_for(lab: Lab, bundle: Bundle) -> None:
    with lab.client("apply", bundle) as client:
        power_cut(lab, client)
    reboot = client.seen[-1]
    assert asked(lab) == ["--quiet reboot"]
    assert lab.json("pending.json")["rebooted"] == ["driver"]
    assert not (lab.home / "ready.json").exists()
    assert lab.marked() == {"base"}
    (lab.world / "booted").touch()
    assert lab.boot() == 0
    events = lab.ask("follow", run=reboot["run"], offset=reboot["offset"])
    assert events[-1]["event"] == "ready"
    assert states(events) == {"base": "present", "driver": "installed", "top": "installed"}
    assert [lab.runs(name) for name in ("base", "driver", "top")] == [1, 1, 1]
    assert names(lab.ask("apply", bundle)) == ["unchanged"]


def test_who_comes_after_the_reboot_is_not_sent_away_by_it(lab: Lab, bundle: Bundle) -> None:
    assert bundle.name == "top"
    lab.recipe("top", 'needs = ["driver"]', body=gate("gate"))
    with lab.client("apply", lab.bundle("top")) as client:
        power_cut(lab, client)
    (lab.world / "booted").touch()
    boot = lab.begin_boot()
    until(lambda: names(lab.journal()).count("start") == 2)
    with lab.client("follow", run=client.seen[-1]["run"], offset=0) as late:
        late.until("step", step="top", state="installing")
        assert "reboot" in names(late.seen)
        lab.open("gate")
        assert late.rest()[-1]["event"] == "ready"
    assert boot.wait() == 0


def test_a_second_reboot_for_the_same_step_is_refused(lab: Lab, bundle: Bundle) -> None:
    with lab.client("apply", bundle) as client:
        power_cut(lab, client)
    assert lab.boot() == 0
    failed = lab.journal()[-1]
    assert (failed["event"], failed["step"]) == ("failed", "driver")
    assert failed["why"] == "it still asks for a reboot after one"
    assert asked(lab) == ["--quiet reboot"]
    assert (lab.world / "told").read_text().split() == ["rebooted=", "rebooted=1"]
    assert not (lab.home / "pending.json").exists()
    assert lab.marked() == {"base"}


def test_a_reboot_that_does_not_work_fails_the_step(lab: Lab, bundle: Bundle) -> None:
    fake_systemctl(lab, "echo 'Call to Reboot failed' >&2; exit 1")
    run = lab.ask("apply", bundle)[0]["run"]
    events = lab.ask("follow", run=run, offset=0)
    assert events[-1]["event"] == "failed"
    assert "Call to Reboot failed" in events[-1]["why"]


def test_a_machine_that_does_not_go_down_fails_the_step(lab: Lab, bundle: Bundle) -> None:
    assert bundle.name == "top"
    lab.edit("setup", "time.sleep(8 * GRACE)", "time.sleep(0.5)")
    events = lab.ask("apply", lab.bundle("top"))
    reboot = next(event for event in events if event["event"] == "reboot")
    events = lab.ask("follow", run=reboot["run"], offset=reboot["offset"])
    assert "did not restart" in events[-1]["why"]


def test_nobody_starts_another_run_while_the_machine_goes_down(lab: Lab, bundle: Bundle) -> None:
    with lab.client("apply", bundle) as client:
        assert client.rest()[-1]["event"] == "reboot"
        lab.recipe("other")
        with lab.client("apply", lab.bundle("other")) as other:
            other.until("waiting")
            other.until("reboot")
        assert lab.json("pending.json")["name"] == "top"
        assert lab.runs("other") == 0


def test_exit_code_100_of_a_recipe_that_may_not_reboot_is_a_failure(lab: Lab) -> None:
    fake_systemctl(lab)
    lab.recipe("tool", body="exit 100")
    assert lab.ask("apply", lab.bundle("tool"))[-1]["why"] == "exit code 100"
    assert not (lab.world / "systemctl").exists()


# -- the service


@pytest.fixture
def machine(lab: Lab, tmp_path: Path) -> Lab:
    """A host that is the machine to its program, with a systemd that starts the service."""
    (tmp_path / "run").mkdir()
    lab.edit("paths", '"/var/lib/gpurig"', f'"{lab.home}"')
    lab.edit("service", '"/run/systemd/system"', f'"{tmp_path / "run"}"')
    lab.edit("service", '"/etc/systemd/system"', f'"{tmp_path / "etc"}"')
    start = f"(cd {lab.home}/agent/current; exec setsid {lab.python} -m {SETUP_MODULE} >/dev/null 2>&1) &"
    fake_systemctl(lab, f'case "$*" in *start*) {start} esac')
    return lab


def test_a_run_is_a_service_that_every_boot_starts(machine: Lab, tmp_path: Path) -> None:
    machine.recipe("tool")
    assert names(machine.ask("apply", machine.bundle("tool")))[-1] == "ready"
    assert asked(machine) == ["--quiet enable gpurig.service", "--quiet start --no-block gpurig.service"]
    unit = (tmp_path / "etc" / "gpurig.service").read_text()
    assert f"WorkingDirectory={machine.home}/agent/current\nExecStart=/usr/bin/python3 -X " in unit
    assert f" -m {SETUP_MODULE}\n" in unit
    assert f"ConditionPathExists={machine.home}/pending.json\n" in unit
    assert "WantedBy=multi-user.target\n" in unit


def test_a_service_that_does_not_start_is_told_to_the_client(machine: Lab) -> None:
    fake_systemctl(machine, "echo 'Unit gpurig.service is masked.' >&2; exit 1")
    machine.recipe("tool")
    with machine.client("apply", machine.bundle("tool")) as client:
        said = client.process.communicate()[1]
    assert client.process.returncode == 1
    assert "Unit gpurig.service is masked." in said


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed here")
    path = tmp_path / "gpurig.service"
    path.write_text(SETUP)
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert "gpurig.service" not in done.stderr
    assert done.returncode == 0, done.stderr
