"""Hosts become a cluster over SSH: the recipe's own program on each, and what passes between them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fabric
import paramiko
import pytest

from provision.catalogue.folders import TEMPLATES
from provision.model.errors import BadInput, GpurigError
from provision.model.host import Host
from provision.model.target import Target
from provision.transport.session import Session
from provision.work.cluster import Cluster, inner, token
from tests.kit.box import quiet
from tests.kit.programs import write_program
from tests.kit.ssh_server import PORT, Server, known_to

HEAD, WORKER, OTHER = "127.0.8.1", "127.0.8.2", "127.0.8.3"
SYSTEMCTL = """
case "$1" in
  restart) echo "$*" >>"$HOST/calls" ;;
  show) cat "$HOST/restarts" ;;
esac"""


class Machine:
    """A host in a folder, on whose commands its own Ray, state and systemctl are."""

    def __init__(self, folder: Path, ray: str = "2.60.0") -> None:
        self.folder, self.heard, self.commands = folder, "", list[str]()
        self.running, self.at_once = 0, 0
        home = folder / "opt" / "ray"
        (home / "venv" / "bin").mkdir(parents=True)
        (home / "venv" / "bin" / "python").symlink_to(sys.executable)
        (home / "venv" / "lib" / "python3.11" / "site-packages" / f"ray-{ray}.dist-info").mkdir(parents=True)
        shutil.copy(TEMPLATES / "recipes" / "ray" / "node.py", home)
        for name in ("state", "jobs"):
            (folder / name).mkdir(mode=0o700)
        write_program(folder / "bin" / "systemctl", SYSTEMCTL)
        write_program(folder / "bin" / "curl", '[[ ! -e "$HOST/restarts" ]]')
        write_program(folder / "bin" / "journalctl", "echo its last words")

    def __call__(self, channel: paramiko.Channel, command: str) -> None:
        """Do what the other side of an SSH connection asks for."""
        self.commands.append(command)
        self.running += 1
        self.at_once = max(self.at_once, self.running)
        here = command.replace("/opt/gpurig", str(self.folder / "opt")).replace("LC_ALL=C sudo -n ", "")
        here = here.replace("/var/lib/gpurig-ray", str(self.folder / "state"))
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "GPURIG_RAY": str(self.folder / "state"), "HOST": str(self.folder)}
        given = channel.makefile("rb").read() if "node.py" in command else b""
        self.heard += given.decode()
        done = subprocess.run(["sh", "-c", here], input=given, env=env, capture_output=True, check=False)
        self.running -= 1
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)

    @property
    def began(self) -> int:
        """How often its service was started."""
        calls = self.folder / "calls"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def told(self) -> str:
        """What it was told when it joined."""
        return (self.folder / "state" / "node.env").read_text()


class Lab:
    """Some hosts, by their addresses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = {address: Server(address) for address in (HEAD, WORKER, OTHER)}
        self.machines = {address: Machine(folder / address) for address in self.servers}
        for address, server in self.servers.items():
            server.acts = self.machines[address]
        known_to(folder, self.servers)

    def session(self, address: str, **changes: Any) -> Session:
        """Return a session with a host."""
        own = {"key_filename": [str(self.folder / ".ssh" / "id_ecdsa")], "allow_agent": False}
        target = Target(mount_point=str(self.folder / HEAD / "jobs"))
        known = {"name": f"host-{address[-1]}", "address": address, "inner": address, "port": PORT, "target": target}
        return Session(Host(**{**known, **changes}), fabric.Config(overrides={"connect_kwargs": own}), tell=quiet)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    made = Lab(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GPURIG_SSH_KEY", raising=False)
    with contextlib.ExitStack() as stack:
        for address, server in made.servers.items():
            stack.enter_context(server.at(address))
        yield made


def test_the_head_lets_hosts_in_once_and_a_second_time_changes_nothing(lab: Lab) -> None:
    with lab.session(HEAD) as head, lab.session(WORKER) as worker:
        cluster = Cluster(head)
        assert [cluster.let_in(head), cluster.let_in(worker)] == [True, True]
        assert lab.machines[HEAD].told() == f"ROLE=head\nADDRESS={HEAD}\nHEAD={HEAD}\n"
        assert lab.machines[WORKER].told() == f"ROLE=worker\nADDRESS={WORKER}\nHEAD={HEAD}\n"
        assert [cluster.let_in(head), cluster.let_in(worker)] == [False, False]
    assert [lab.machines[address].began for address in (HEAD, WORKER)] == [1, 1]


def test_a_worker_becomes_no_head_unasked(lab: Lab) -> None:
    with lab.session(HEAD) as head, lab.session(WORKER) as worker:
        cluster = Cluster(head)
        assert [cluster.let_in(head), cluster.let_in(worker)] == [True, True]
        told = lab.machines[WORKER].told()
        with pytest.raises(BadInput, match=rf"host-2 .* is a worker of the cluster whose head is at {HEAD}\n.*sudo rm"):
            Cluster(worker).let_in(worker)
        assert lab.machines[WORKER].told() == told
    assert lab.machines[WORKER].began == 1


def test_the_dashboards_token_is_read_on_the_head_and_there_is_none_before_a_cluster(lab: Lab) -> None:
    with lab.session(HEAD) as head:
        with pytest.raises(BadInput, match=r"host-1 .* is in no cluster of Ray\n.*fab setup-ray"):
            token(head)
        assert Cluster(head).let_in(head)
        assert token(head) == (lab.folder / HEAD / "state" / "token").read_text()


def test_no_secret_is_on_a_command_line_and_no_key_passes_through_this_machine(lab: Lab) -> None:
    with lab.session(HEAD) as head, lab.session(WORKER) as worker:
        cluster = Cluster(head)
        assert all([cluster.let_in(head), cluster.let_in(worker)])
    machines = lab.machines.values()
    secret = (lab.folder / HEAD / "state" / "token").read_text()
    assert not [command for one in machines for command in one.commands if secret in command or "BEGIN" in command]
    assert secret in lab.machines[WORKER].heard
    assert not [one for one in machines if "PRIVATE KEY" in one.heard]


@pytest.mark.life
def test_a_box_that_took_a_workers_place_is_let_in_anew_and_the_others_stay(lab: Lab) -> None:
    with lab.session(HEAD) as head, lab.session(WORKER) as worker:
        assert [Cluster(head).let_in(one) for one in (head, worker)] == [True, True]
        for path in (lab.folder / WORKER / "state").iterdir():
            path.unlink()
        assert [Cluster(head).let_in(one) for one in (head, worker)] == [False, True]


@pytest.mark.life
def test_where_the_head_is_another_box_everybody_is_told(lab: Lab) -> None:
    with lab.session(HEAD) as head, lab.session(WORKER) as worker, lab.session(OTHER) as other:
        assert [Cluster(head).let_in(one) for one in (head, worker)] == [True, True]
        # It has the first head's volume, and so its authority.
        assert [Cluster(other).let_in(one) for one in (other, worker)] == [True, True]
    assert f"HEAD={OTHER}" in lab.machines[WORKER].told()
    assert len({(lab.folder / one / "state" / "token").read_text() for one in (HEAD, WORKER, OTHER)}) == 1


@pytest.mark.life
def test_where_the_heads_volume_is_a_new_one_everybody_is_let_in_anew(lab: Lab) -> None:
    with lab.session(HEAD) as head, lab.session(WORKER) as worker:
        assert [Cluster(head).let_in(one) for one in (head, worker)] == [True, True]
        shutil.rmtree(lab.folder / HEAD / "jobs" / "ray")
        assert [Cluster(head).let_in(one) for one in (head, worker)] == [True, True]
        assert [Cluster(head).let_in(one) for one in (head, worker)] == [False, False]


@pytest.mark.life
def test_a_host_without_ray_and_one_with_another_are_named(lab: Lab) -> None:
    shutil.rmtree(lab.folder / WORKER / "opt")
    shutil.rmtree(lab.folder / OTHER)
    lab.servers[OTHER].acts = Machine(lab.folder / OTHER, ray="2.59.0")
    with lab.session(HEAD) as head, lab.session(WORKER) as worker, lab.session(OTHER) as other:
        cluster = Cluster(head)
        assert cluster.let_in(head)
        with pytest.raises(BadInput, match=r"host-2 .* has no Ray\n.*fab setup-ray"):
            cluster.let_in(worker)
        with pytest.raises(
            BadInput, match=r"host-3 .* has Ray 2\.59\.0 and Python .*, and the head host-1 .* Ray 2\.60\.0"
        ):
            cluster.let_in(other)
    assert not (lab.folder / OTHER / "state" / "node.env").exists()


@pytest.mark.life
def test_one_that_does_not_begin_fails_with_its_last_words(lab: Lab) -> None:
    (lab.folder / HEAD / "restarts").write_text("4\n")
    with lab.session(HEAD) as head, pytest.raises(GpurigError, match=r"does not begin on host-1 .*: its last words"):
        Cluster(head).let_in(head)


@pytest.mark.life
def test_many_workers_at_once_ask_the_head_one_after_the_other(lab: Lab) -> None:
    with lab.session(HEAD) as head, lab.session(WORKER) as worker, lab.session(OTHER) as other:
        cluster = Cluster(head)
        assert cluster.let_in(head)
        done: list[bool] = []
        threads = [threading.Thread(target=lambda one=one: done.append(cluster.let_in(one))) for one in (worker, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert done == [True, True]
    assert lab.machines[WORKER].at_once == lab.machines[HEAD].at_once == 1, "an sshd takes ten commands at once"
    assert {lab.machines[one].told().splitlines()[1] for one in (WORKER, OTHER)} == {
        f"ADDRESS={WORKER}",
        f"ADDRESS={OTHER}",
    }


@pytest.mark.parametrize(
    ("host", "way"),
    [
        (Host(name="desk", address="desk.example", inner="desk.example"), 'in the table of desk: inner = "10.0.0.5"'),
        (Host(name="box", address="198.51.100.9", instance_id="i-0a1"), "pulumi up --refresh"),
    ],
)
def test_an_address_among_hosts_that_is_not_known_is_asked_for(host: Host, way: str) -> None:
    with pytest.raises(BadInput, match=way):
        inner(host)
