"""An instance is a real machine: it boots from its user-data, is reached over SSH, obeys its security group."""

from __future__ import annotations

import gzip
import http.server
import subprocess
from typing import TYPE_CHECKING

import pytest

from rehearsal.boxes import Boxes
from rehearsal.hypervisor import Question, Reply, Rule
from tests.kit.servers import serving
from tests.rehearsal.boxes.machine import launch, need_boxes, open_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rehearsal.boxes.machine import Machine

pytestmark = pytest.mark.box


def test_boots_cleanly_from_its_user_data(machine: Machine) -> None:
    assert machine.run("cloud-init status --wait").endswith("status: done")
    assert machine.run("systemctl is-system-running --wait") == "running"
    assert machine.run("cat /etc/greeting") == "from user-data"
    assert machine.run("cloud-init query instance_id") == machine.instance_id


def test_user_data_may_be_compressed(room: Boxes) -> None:
    machine = launch(room, gzip.compress(b"#cloud-config\nwrite_files: [{path: /etc/greeting, content: unpacked}]\n"))
    machine.run("cloud-init status --wait")
    assert machine.run("cat /etc/greeting") == "unpacked"
    room.terminate(machine.instance_id)


def test_console_shows_the_host_keys_that_ssh_then_meets(machine: Machine) -> None:
    machine.run("true")  # Machine.connect takes no key but the console's
    for_client = machine.host_keys().lookup(machine.address)
    assert for_client is not None
    assert "ssh-ed25519" in for_client


def test_what_it_computes_is_counted_from_outside(machine: Machine, room: Boxes) -> None:
    before = room.cpu_seconds(machine.instance_id)
    assert before is not None, "this kernel counts no CPU time of a group"
    machine.run("python3 -c 'import time\nwhile time.process_time() < 1.5: pass'")
    after = room.cpu_seconds(machine.instance_id)
    assert after is not None
    assert after - before >= 1.5


def test_apt_reaches_its_archive(machine: Machine) -> None:
    machine.run("sudo apt-get update -qq && sudo apt-get install -qq --download-only hello >/dev/null")
    assert "hello_" in machine.run("ls /var/cache/apt/archives")


@pytest.fixture
def service(room: Boxes) -> Iterator[str]:
    """Serve HTTP on this machine's address as boxes know it, and yield the URL for a box."""
    server = http.server.HTTPServer((room.facts()["caller"], 0), http.server.SimpleHTTPRequestHandler)
    with serving(server):
        yield f"http://{room.facts()['caller_name']}:{server.server_port}/"


def test_reaches_services_of_the_caller_by_name(machine: Machine, service: str) -> None:
    assert machine.run(f"curl -sS -o /dev/null -w '%{{http_code}}' {service}") == "200"


def test_security_group_lets_in_the_caller_and_nobody_else(machine: Machine) -> None:
    machine.run("true")
    assert machine.answers(22)
    assert not machine.answers_a_visitor(22)
    assert not machine.answers(5000)


def test_security_group_changes_at_once_and_keeps_connections(room: Boxes, machine: Machine) -> None:
    caller = f"{room.facts()['caller']}/32"
    with machine.connect() as client:
        room.set_rules(machine.instance_id, ())
        assert not machine.answers(22)
        _, output, _ = client.exec_command("echo still here", timeout=10)
        assert output.read() == b"still here\n"
        room.set_rules(machine.instance_id, (Rule(protocol="-1", first=0, last=65535, cidr="0.0.0.0/0"),))
        assert machine.answers_a_visitor(22)
        room.set_rules(machine.instance_id, open_port(22, caller, "2001:db8::/32"))
    assert machine.answers(22)
    assert not machine.answers_a_visitor(22)


def test_root_may_alter_the_boxs_own_network_and_opens_nothing_by_it(machine: Machine) -> None:
    gate = machine.run("ip -oneline route show default").split()[2]
    machine.run("sudo ip addr add 198.18.0.1/32 dev eth0 && sudo ip link add veth0 type veth peer name veth1")
    machine.run(f"sudo ip route replace default via {gate} dev eth0")
    assert machine.answers(22)
    assert not machine.answers_a_visitor(22)
    assert "198.18.0.1" not in subprocess.run(["ip", "addr"], capture_output=True, text=True, check=True).stdout
    machine.run("sudo ip addr del 198.18.0.1/32 dev eth0 && sudo ip link del veth0")


def test_boxes_reach_each_other_only_where_a_rule_says_so(room: Boxes, machine: Machine) -> None:
    other = launch(room)
    knock = f"timeout 1 bash -c '</dev/tcp/{machine.address}/22' && echo in || echo out"
    assert other.run(knock) == "out"
    room.set_rules(machine.instance_id, open_port(22, f"{other.address}/32", f"{room.facts()['caller']}/32"))
    assert other.run(knock) == "in"
    room.terminate(other.instance_id)


@pytest.fixture
def on_an_overlay(tmp_path: Path) -> Iterator[Path]:
    """Yield a state folder where no overlay can be mounted, as in most containers."""
    need_boxes()
    for name in ("lower", "upper", "work", "state"):
        (tmp_path / name).mkdir()
    layers = f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, tmp_path / "state"], check=True)
    yield tmp_path / "state"
    subprocess.run(["umount", tmp_path / "state"], check=True)


def test_boots_from_a_copy_where_overlays_do_not_work(on_an_overlay: Path) -> None:
    room = Boxes(on_an_overlay, announce=print)
    try:
        machine = launch(room)
        assert machine.run("findmnt --noheadings --output SOURCE /") != "overlay"
        assert machine.run("cat /etc/greeting") == "from user-data"
    finally:
        room.close()


ASK = """
import http.client, socket, sys
link = http.client.HTTPConnection("169.254.169.254", timeout=3)
link.connect()
link.sock.setsockopt(socket.IPPROTO_IP, 21, int(sys.argv[1]))  # IP_MINTTL: what has fewer hops left is not taken
link.request("GET", sys.argv[2])
answer = link.getresponse()
print(answer.status, answer.getheader("Server"), answer.read().decode())
"""


def test_its_metadata_is_its_own_and_reaches_no_further_than_it_says(room: Boxes, machine: Machine) -> None:
    def answer(instance_id: str, question: Question) -> Reply:
        hops = 1 if question.path == "/near" else None
        return Reply(status=200, body=f"{question.method} {question.path} of {instance_id}".encode(), hops=hops)

    room.serve_metadata(answer)
    ask = f"python3 -c '{ASK}'"
    assert machine.run(f"{ask} 1 /far") == f"200 EC2ws GET /far of {machine.instance_id}"
    assert machine.run(f"{ask} 1 /near") == f"200 EC2ws GET /near of {machine.instance_id}"
    # A hop further away, as a container of the box is, it is not heard.
    assert machine.run(f"{ask} 2 /far").startswith("200")
    assert machine.run(f"{ask} 2 /near 2>&1 | tail -n 1").endswith("timed out")
    outside = ["ip", "netns", "exec", room.visitor_namespace(), "python3", "-c", ASK, "1", "/far"]
    assert subprocess.run(outside, capture_output=True, check=False).returncode
