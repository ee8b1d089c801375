"""A private box, reached through a bastion or through Session Manager, by `fab` itself and by the `ssh` that it starts.

The bastion is an SSH server that goes on to addresses nobody here can reach. Of Session Manager there is a stand-in of
AWS's CLI: what is tested is its command line, and what becomes of what it says, also where its streams end before it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.laptop import windows
from tests.kit.power import Box, Rig, rig
from tests.kit.ssh_server import PORT, Server

SSH = ("ssh", "--command", "hello")
DID = "box did hello\n"
STREAMS = f"""#!{sys.executable}
import json, os, pathlib, socket, sys, threading, time
folder = pathlib.Path(__file__).parent
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps(sys.argv[1:]) + "\\n")
if (folder / "says").exists():
    os.closerange(0, 2)
    time.sleep(1)
    sys.exit((folder / "says").read_text())
there = socket.create_connection(((folder / "address").read_text(), {PORT}))
def up():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    """A stack in a cloud without boxes."""
    with rig(tmp_path) as made:
        yield made


def private(lab: Rig, **recorded: str) -> tuple[Box, str]:
    """Launch a box that the stack knows by its private address alone; return it with the address where it answers."""
    box = lab.launch()
    there = box.recorded
    found = lab.ec2.describe_instances(InstanceIds=[box.id])["Reservations"][0]["Instances"][0]
    box.recorded = found["PrivateIpAddress"]
    assert box.recorded != there
    lab.recorded = recorded
    return box, there


@pytest.fixture
def bastion(lab: Rig) -> Iterator[Server]:
    """A box behind a bastion; the user's known_hosts has the bastion's key."""
    box, there = private(lab, access="private")
    server, address = Server("bastion"), there.rpartition(".")[0] + ".251"
    lab.recorded["jump"] = f"me@{address}:{PORT}"
    server.knows = {box.recorded: there}
    (lab.home / ".ssh").mkdir()
    (lab.home / ".ssh" / "known_hosts").write_text(server.known_at(address))
    with server.at(address):
        yield server


def test_a_private_box_is_reached_through_its_bastion_by_fab_and_by_ssh(lab: Rig, bastion: Server) -> None:
    (box,) = lab.boxes
    assert lab.fab(*SSH).stdout == DID
    # Once by fab, which pins the box's key from its console, and once by the `ssh` that takes over.
    assert bastion.dialled == [box.recorded] * 2
    lab.fab("ssh-config", "--yes")
    plain = ["ssh", "-F", str(lab.config), "-i", str(lab.key), "box", "hello"]
    # OpenSSH asks the system where the user's files are: the key of the bastion is named by the entry itself.
    assert subprocess.run(plain, env=lab.env(), capture_output=True, text=True, check=True, timeout=120).stdout == DID
    assert bastion.dialled == [box.recorded] * 3
    assert bastion.answered == 0


def test_a_bastion_whose_key_is_not_known_or_another_is_never_trusted(lab: Rig, bastion: Server) -> None:
    known = lab.home / ".ssh" / "known_hosts"
    right = known.read_text()
    known.write_text("")
    said = lab.fab(*SSH, code=5).stderr
    assert "the key of me@" in said
    assert "is not known" in said
    assert "add it to your known_hosts by `ssh -p 2022 me@" in said
    assert known.read_text() == "", "nothing is trusted on first use"
    known.write_text(Server("thief").known_at(lab.recorded["jump"].removeprefix("me@").partition(":")[0]))
    assert "shows another host key" in lab.fab(*SSH, code=5).stderr
    assert bastion.dialled == []
    known.write_text(right)
    lab.fab("ssh-config", "--yes")
    known.write_text("")
    plain = ["ssh", "-F", str(lab.config), "-i", str(lab.key), "box", "hello"]
    done = subprocess.run(plain, env=lab.env(), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert "Host key verification failed" in done.stderr
    assert bastion.dialled == []


@pytest.mark.life
def test_what_is_wrong_on_the_way_is_said_of_the_right_machine(lab: Rig, bastion: Server) -> None:
    (box,) = lab.boxes
    lab.fab(*SSH)
    lab.stop(box)
    bastion.knows = {"10.0.0.1": "127.0.0.1"}  # it finds nobody at the box's address
    said = lab.fab(*SSH, code=4).stderr
    assert f"box ({box.id}) is stopped since 20" in said
    bastion.knows = {}
    assert "connects nobody to" in lab.fab(*SSH, code=4).stderr
    lab.recorded["jump"] = f"me@127.0.0.251:{PORT + 1}"
    said = lab.fab(*SSH, code=4).stderr
    assert "me@127.0.0.251:2023" in said
    assert "does not answer" in said


@pytest.fixture
def programs(lab: Rig) -> Path:
    """A box behind Session Manager, and stand-ins of AWS's CLI and its plugin on PATH."""
    _, there = private(lab, access="ssm", profile="lab")
    folder = lab.folder / "stand-ins"
    folder.mkdir()
    for name in ("aws", "session-manager-plugin"):
        (folder / name).write_text(STREAMS)
        (folder / name).chmod(0o755)
    (folder / "address").write_text(there)
    return folder


def path_with(programs: Path, lab: Rig) -> str:
    """Return the user's PATH with the stand-ins on it."""
    return f"{programs}:{lab.env()['PATH']}"


def test_session_manager_is_asked_for_port_22_of_the_instance_and_nothing_else(lab: Rig, programs: Path) -> None:
    (box,) = lab.boxes
    lab.recorded["profile"] = ""
    assert lab.fab(*SSH, PATH=path_with(programs, lab)).stdout == DID
    asked = [json.loads(line) for line in (programs / "asked").read_text().splitlines()]
    where = ["--target", box.id, "--document-name", "AWS-StartSSHSession", "--parameters", f"portNumber={PORT}"]
    assert asked == [["ssm", "start-session", *where, "--region", "us-east-1"]] * 2


@pytest.mark.life
def test_session_manager_is_reached_from_windows_where_no_socket_is_a_file(
    lab: Rig, programs: Path, tmp_path: Path
) -> None:
    lab.recorded["profile"] = ""
    there = windows(tmp_path / "windows")
    away = {"PYTHONPATH": there["PYTHONPATH"], "USERNAME": there["USERNAME"]}
    assert lab.fab(*SSH, code=0, PATH=path_with(programs, lab), **away).stdout == DID


def test_a_role_that_the_command_would_not_take_on_is_refused(lab: Rig, programs: Path) -> None:
    lab.recorded["profile"] = json.dumps({"assumeRoles": [{"roleArn": "arn:aws:iam::123456789012:role/lab"}]})
    said = lab.fab(*SSH, code=4, PATH=path_with(programs, lab)).stderr
    assert "takes no role of aws:" in said
    assert "aws configure set role_arn arn:aws:iam::123456789012:role/lab --profile NAME" in said
    assert not (programs / "asked").exists()


@pytest.mark.life
def test_what_session_manager_says_reaches_the_user(lab: Rig, programs: Path) -> None:
    (box,) = lab.boxes
    lab.recorded["profile"] = ""
    lab.fab(*SSH, PATH=path_with(programs, lab))
    (programs / "says").write_text("An error occurred (AccessDeniedException): not authorized to ssm:StartSession")
    said = lab.fab(*SSH, code=4, PATH=path_with(programs, lab)).stderr
    assert "not authorized to ssm:StartSession" in said
    (programs / "says").write_text(f"An error occurred (TargetNotConnected): {box.id} is not connected.")
    lab.stop(box)
    assert f"box ({box.id}) is stopped since 20" in lab.fab(*SSH, code=4, PATH=path_with(programs, lab)).stderr
    (programs / "session-manager-plugin").unlink()
    said = lab.fab(*SSH, code=4, PATH=path_with(programs, lab)).stderr
    assert "there is no session-manager-plugin on PATH" in said
