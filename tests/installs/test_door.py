"""The door on a box of its own, with a web server in DIGITS' place: what comes in, from where, and what does not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.cloud.handle import Cloud
from tests.installs.box import Box
from tests.kit.fab import FAB
from tests.recipes.door_lab import curl, free_ports

RECIPE = "door"
BEHIND = (
    "mkdir -p ~/web && echo all the jobs >~/web/index.html && "
    "sudo systemd-run -q --unit=behind python3 -m http.server -b 127.0.0.1 -d $HOME/web 5001"
)
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()"


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
    assert served.strip().rpartition("=")[2] in ready.fab("status")
    assert word[1] not in ready.ssh("sudo cat /var/lib/gpurig-door/login.json; sudo journalctl --no-pager; ls -a")
    jar = ("-c", str(tmp_path / "jar"), "-b", str(tmp_path / "jar"))
    assert curl(*jar, f"{url}/door/login", "-d", f"password={word[1]}x")[0] == 403
    assert curl(*jar, url)[0] == 401
    assert curl(*jar, f"{url}/door/login", "-d", f"password={word[1]}")[0] == 303
    assert curl(*jar, url) == (200, "all the jobs\n")
    ready.fab("password")
    assert curl(*jar, url)[0] == 401


def test_a_password_of_one_s_own_comes_by_standard_input_and_has_a_least_length(ready: Box, url: str) -> None:
    def give(word: str) -> subprocess.CompletedProcess[str]:
        line = [*FAB, "password", "--own"]
        return subprocess.run(
            line, cwd=ready.folder, env=ready.env, input=f"{word}\n", capture_output=True, text=True, check=False
        )

    short = give("hunter2")
    assert (short.returncode, "12 is the least" in short.stderr) == (2, True)
    given = give("a word that is long")
    assert (given.returncode, "a word" in given.stdout + given.stderr) == (0, False)
    assert curl(f"{url}/door/login", "-d", "password=a word that is long")[0] == 303


def test_key_and_login_are_kept_over_a_setup_and_no_other_machine_s(ready: Box, url: str) -> None:
    ready.fab("password")
    look = "sudo sha256sum /var/lib/gpurig-door/{key.pem,cert.pem,login.json}"
    before = ready.ssh(look)
    ready.fab("setup-door", "--fresh")
    assert ready.ssh(look) == before
    # It comes to another address: another certificate, by the same key.
    ready.ssh("sudo ip address add 203.0.113.9/32 dev lo scope global && sudo systemctl restart gpurig-door")
    ready.ssh("sudo ip address del 203.0.113.9/32 dev lo")
    key, certificate, login = before.splitlines()
    assert key in ready.ssh(look)
    assert login in ready.ssh(look)
    assert certificate not in ready.ssh(look)
    names = "sudo openssl x509 -in /var/lib/gpurig-door/cert.pem -noout -ext subjectAltName"
    assert {f"IP Address:{ready.address}", "IP Address:203.0.113.9"} <= set(
        re.split(r",?\s+(?=IP|DNS)", ready.ssh(names).strip())
    )
    # As a box that is made of this one's image finds it.
    ready.ssh("echo other | sudo tee /var/lib/gpurig-door/machine >/dev/null && sudo systemctl restart gpurig-door")
    assert key not in ready.ssh("sudo sha256sum /var/lib/gpurig-door/key.pem")
    status, page = curl(url)
    assert (status, "no password yet" in page) == (401, True)


def test_the_tunnel_comes_past_the_login_and_has_one_name(ready: Box) -> None:
    (port,) = free_ports(1)
    line = [*FAB, "tunnel", "--local", str(port)]
    with subprocess.Popen(line, cwd=ready.folder, env=ready.env, stdout=subprocess.PIPE, text=True) as tunnel:
        try:
            assert tunnel.stdout
            assert f"http://127.0.0.1:{port} is port 5000" in tunnel.stdout.readline()
            here = f"http://127.0.0.1:{port}"
            assert curl(here) == (200, "all the jobs\n")
            assert curl(here, "-H", "Host: rebind.example")[0] == 421
            assert curl(here, "-H", "Origin: http://evil.example")[0] == 403
        finally:
            tunnel.terminate()


def test_what_somebody_between_shows_is_refused(ready: Box) -> None:
    # Whoever answers at the address has another certificate than the one that was read over SSH.
    assert "with that certificate" in ready.fab("password")
    move = "sudo cp /var/lib/gpurig-door/{cert.pem,kept.pem}"
    ready.ssh(
        f"{move} && sudo openssl req -x509 -key /var/lib/gpurig-door/key.pem -days 9 -subj /CN=other "
        "-out /tmp/other.pem 2>/dev/null && sudo mv /tmp/other.pem /var/lib/gpurig-door/cert.pem"
    )
    said = ready.fab("password", code=5)
    assert "somebody is between" in said
    ready.ssh("sudo mv /var/lib/gpurig-door/{kept.pem,cert.pem}")
