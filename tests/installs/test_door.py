"""The door on a box of its own, with a web server in DIGITS' place: what comes in, from where, and what does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.cloud.handle import Cloud
from tests.installs.box import Box

RECIPE = "door"
BEHIND = (
    "mkdir -p ~/web && echo all the jobs >~/web/index.html && "
    "sudo systemd-run -q --unit=behind python3 -m http.server -b 127.0.0.1 -d $HOME/web 5001"
)
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()"


def curl(*words: str) -> tuple[int, str]:
    """Return status and body of what curl gets; it takes any certificate."""
    line = ["curl", "-ks", "--noproxy", "*", "--max-time", "10", "-w", "\n%{http_code}", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


@pytest.fixture(scope="module")
def url(ready: Box, state: Path) -> str:
    """The door's address; the security group lets this machine in."""
    cloud = Cloud.find(state)
    assert cloud
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups(GroupNames=["test"])["SecurityGroups"][0]["GroupId"]
    anyone = [{"CidrIp": f"{cloud.boxes['caller']}/32"}]
    rules = [{"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 5002, "IpRanges": anyone}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    ready.ssh(BEHIND)
    return f"https://{ready.address}:5000"


def test_nobody_gets_in_before_there_is_a_password(ready: Box, url: str) -> None:
    status, page = curl(url)
    assert (status, "fab password" in page, "jobs" in page) == (401, True, False)
    assert curl(f"{url}/door/login", "-d", "password=")[0] == 403
    assert "nothing to do" in ready.fab("setup-door")


@pytest.mark.usefixtures("url")
def test_only_the_door_is_open_to_others(ready: Box) -> None:
    listening = ready.ssh("ss -Hltn | awk '{print $4}'").split()
    assert {"0.0.0.0:5000", "127.0.0.1:5001", "127.0.0.1:5002"} <= set(listening)
    assert not [place for place in listening if place.endswith(":80")]
    for port, is_open in ((5000, True), (5001, False), (5002, False)):
        done = subprocess.run(
            [sys.executable, "-c", CONNECT, ready.address, str(port)], capture_output=True, check=False
        )
        assert (done.returncode == 0) is is_open
    assert ready.ssh("sudo stat -c '%U %a %n' /var/lib/gpurig-door/key.pem").startswith("root 600 ")


def test_a_password_lets_in_and_another_one_ends_that(ready: Box, url: str, tmp_path: Path) -> None:
    said = ready.fab("password")
    word = re.search(r"\(shown this once\): (\S+)", said)
    assert word
    assert f"{url} " in said
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"{ready.address}:5000"], stdin=-3, capture_output=True, check=True
    ).stdout
    line = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
    served = subprocess.run(line, input=shown, capture_output=True, check=True).stdout.decode()
    assert served.strip().rpartition("=")[2] in said.splitlines()
    assert word[1] not in ready.ssh("sudo cat /var/lib/gpurig-door/login.json; sudo journalctl --no-pager; ls -a")
    jar = ("-c", str(tmp_path / "jar"), "-b", str(tmp_path / "jar"))
    assert curl(*jar, f"{url}/door/login", "-d", f"password={word[1]}x")[0] == 403
    assert curl(*jar, url)[0] == 401
    assert curl(*jar, f"{url}/door/login", "-d", f"password={word[1]}")[0] == 303
    assert curl(*jar, url) == (200, "all the jobs\n")
    ready.fab("password")
    assert curl(*jar, url)[0] == 401
