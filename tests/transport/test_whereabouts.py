"""A box that was stopped, started or lost is found by its instance id, and said to be what it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.aws import instances
from provision.model.errors import GpurigError
from provision.model.host import Host
from provision.transport import whereabouts
from tests.kit.power import Rig, rig
from tests.kit.ssh_server import Server

SSH = ("ssh", "--command", "hello")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    """A stack in a cloud without boxes."""
    with rig(tmp_path) as made:
        yield made


def test_a_box_that_answers_costs_no_question(lab: Rig) -> None:
    lab.launch()
    assert lab.fab(*SSH).stdout == "box did hello\n"
    lab.wired.cloud.reset()
    assert lab.fab(*SSH).stdout == "box did hello\n"
    assert lab.wired.cloud.calls() == []


def test_a_stopped_box_is_said_to_be_stopped_and_what_starts_it_on_every_way_to_it(lab: Rig) -> None:
    box = lab.launch()
    (lab.folder / "code").mkdir()
    (lab.folder / "code" / "train.py").touch()
    lab.stop(box)
    ways = (SSH, ("status",), ("sync", "code"), ("tunnel", "--local", "59999"), ("logs",), ("plan", "base"))
    # What is recorded: the address before the stop, or what the provider reads of a stopped instance.
    for recorded in (box.recorded, ""):
        box.recorded = recorded
        for words in ways:
            said = lab.fab(*words, code=4).stderr
            assert f"box ({box.id}) is stopped since 20" in said
            assert "fab start --limit box" in said
            assert said.count("error") == 1, "in one line"


def test_a_started_box_is_found_at_its_new_address_once_for_all(lab: Rig) -> None:
    box = lab.launch()
    lab.fab(*SSH)
    lab.stop(box)
    address = lab.start_past_fab(box)
    assert address != box.recorded
    done = lab.fab(*SSH)
    assert done.stdout == "box did hello\n"
    assert f"box is at {address} now" in done.stderr
    asked = lab.asked()
    assert lab.fab(*SSH).stderr == ""
    assert lab.asked() == asked, "the address that was found is kept"
    box.recorded = ""
    assert lab.fab(*SSH).stdout == "box did hello\n"


def test_the_pinned_key_goes_with_the_instance(lab: Rig) -> None:
    box = lab.launch()
    lab.fab(*SSH)
    pinned = (lab.folder / ".gpurig" / "known_hosts").read_text()
    assert pinned.startswith(f"{box.id} ")
    lab.stop(box)
    lab.start_past_fab(box)
    lab.wired.cloud.reset()
    assert lab.fab(*SSH).stdout == "box did hello\n"
    assert lab.wired.cloud.calls("GetConsoleOutput") == []
    assert (lab.folder / ".gpurig" / "known_hosts").read_text() == pinned


def test_an_address_that_another_instance_has_now_is_not_ours(lab: Rig) -> None:
    box = lab.launch()
    lab.fab(*SSH)
    lab.stop(box)
    stranger = Server("stranger")
    with stranger.at(box.recorded):
        assert "is stopped" in lab.fab(*SSH, code=4).stderr
        lab.start_past_fab(box)
        assert lab.fab(*SSH).stdout == "box did hello\n"


def test_another_key_where_ec2_says_that_the_box_is_stays_an_alarm(lab: Rig) -> None:
    box = lab.launch()
    lab.fab(*SSH)
    box.server.key = Server("thief").key
    said = lab.fab(*SSH, code=5).stderr
    assert "shows another host key than the one that is pinned" in said


def test_a_box_that_was_terminated_is_gone_and_the_way_out_is_another_one(lab: Rig) -> None:
    box = lab.launch()
    lab.stop(box)
    lab.ec2.terminate_instances(InstanceIds=[box.id])
    said = lab.fab(*SSH, code=4).stderr
    assert f"box ({box.id}) was terminated" in said
    assert "pulumi up --refresh" in said
    box.id = "i-0123456789abcdef0"
    said = lab.fab(*SSH, code=4).stderr
    assert "box is gone: EC2 knows no i-0123456789abcdef0" in said


def test_a_box_that_switched_itself_off_is_told_from_one_that_was_stopped(lab: Rig) -> None:
    box = lab.launch()
    lab.ec2.modify_instance_attribute(InstanceId=box.id, InstanceInitiatedShutdownBehavior={"Value": "stop"})
    lab.close()
    lab.wired.hypervisor.tell_power_off(box.id)
    assert f"box ({box.id}) is stopped (it switched itself off)" in lab.fab(*SSH, code=4).stderr


def test_one_that_stops_is_stopping(lab: Rig) -> None:
    box = lab.launch()
    lab.fab(*SSH)
    lab.close()
    lab.wired.hypervisor.during["stop"] = lambda: lab.fab(*SSH, code=4).stderr
    lab.ec2.stop_instances(InstanceIds=[box.id])
    assert f"box ({box.id}) is stopping" in lab.wired.hypervisor.seen[0]


def test_without_credentials_it_is_unreachable_and_ec2_was_not_to_be_asked(lab: Rig) -> None:
    box = lab.launch()
    lab.fab(*SSH)
    lab.close()
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    said = lab.fab(*SSH, code=4, **none).stderr
    assert f"box ({box.recorded}) does not answer on port" in said
    assert "whether it runs, and where, is not known" in said
    assert "there are no AWS credentials" in said
    box.recorded = ""
    assert "no address is recorded of box" in lab.fab(*SSH, code=4, **none).stderr


def test_one_stopped_box_keeps_the_others_from_nothing(lab: Rig) -> None:
    lab.launch("box")
    second = lab.launch("box-2")
    lab.stop(second)
    done = lab.fab(*SSH, code=4)
    assert "box    box did hello" in done.stdout
    assert f"box-2 ({second.id}) is stopped" in done.stderr
    assert "1 of 2 hosts failed" in done.stderr


def test_a_machine_of_ones_own_is_asked_of_nobody(lab: Rig) -> None:
    (lab.folder / "hosts.toml").write_text('[host.desk]\naddress = "127.8.9.9"\ngpu = "none"\n')
    said = lab.fab(*SSH, code=4).stderr
    assert "desk (127.8.9.9) does not answer on port 22" in said
    assert "is it on, and is that its address?" in said
    assert lab.wired.cloud.calls() == []


def test_of_an_answer_that_does_not_come_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()
    monkeypatch.setattr(whereabouts, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(instances, "find", lambda _: given_up.wait(30))
    host = Host(name="box", address="192.0.2.1", user="ubuntu", instance_id="i-1")
    with pytest.raises(GpurigError, match="EC2 did not answer within") as raised:
        whereabouts.look_up(host, print)
    given_up.set()
    assert "the same command again" in str(raised.value)
