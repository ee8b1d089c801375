"""A firewall on a machine of one's own: given addresses come in, others do not, and whoever is connected stays in."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.cloud.handle import Cloud
from tests.installs.box import Box
from tests.kit.wait import until

UI, LOW, HIGH = 5000, 900, 20001
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()"


@dataclasses.dataclass(frozen=True)
class Street:
    """The box with a web interface, seen from this machine and from a stranger's; the cloud keeps nobody away."""

    box: Box
    cloud: Cloud

    @property
    def caller(self) -> str:
        """The address that this machine comes from."""
        return str(self.cloud.boxes["caller"])

    @property
    def stranger(self) -> str:
        """The other machine's."""
        return f"{self.caller.rpartition('.')[0]}.3"

    def allow(self, *ranges: str) -> None:
        """Name in hosts.toml who may come in."""
        hosts = self.box.folder / "hosts.toml"
        lines = [line for line in hosts.read_text().splitlines() if not line.startswith("allow")]
        hosts.write_text("\n".join([*lines, f"allow = {list(ranges)}", ""]))

    def admits(self, port: int, *, stranger: bool = False) -> bool:
        """Try a new connection to a port of the box."""
        inside = ["ip", "netns", "exec", self.cloud.boxes["visitor"]] if stranger else []
        command = [*inside, sys.executable, "-c", CONNECT, self.box.address, str(port)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def rules(self) -> str:
        """Return all that nftables has on the box."""
        return self.box.ssh("sudo nft list ruleset")


@pytest.fixture(scope="module")
def street(box: Box, state: Path) -> Street:
    cloud = Cloud.find(state)
    assert cloud
    ec2 = cloud.client("ec2")
    group = ec2.describe_security_groups(GroupNames=["test"])["SecurityGroups"][0]["GroupId"]
    anyone = {"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    wide = [{**anyone, "FromPort": port, "ToPort": port} for port in (22, UI, LOW, HIGH)]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=wide)
    web = "[Service]\\nExecStart=/usr/bin/python3 -m http.server 5000\\n[Install]\\nWantedBy=multi-user.target\\n"
    box.ssh(f"printf '{web}' | sudo tee /etc/systemd/system/web.service; sudo systemctl enable --now web.service")
    street = Street(box, cloud)
    # Before there is a firewall, the box's web interface can be reached.
    until(lambda: street.admits(UI, stranger=True))
    return street


def test_without_addresses_it_is_refused_with_the_one_in_use(street: Street) -> None:
    said = street.box.fab("setup-firewall", code=6)
    assert f'allow = ["{street.caller}"]' in said
    assert "hosts.toml" in said
    assert street.admits(UI, stranger=True)


def test_whoever_is_connected_keeps_ssh_though_nobody_named_him(street: Street) -> None:
    street.allow(f"{street.stranger}/32", "2001:db8::/48")
    said = street.box.fab("setup-firewall")
    assert "firewall  installed" in said
    assert street.admits(22)
    assert not street.admits(UI)
    assert street.admits(22, stranger=True)
    assert street.admits(UI, stranger=True)


def test_given_addresses_come_in_and_others_do_not(street: Street) -> None:
    street.box.ssh("sudo nft add table ip others")
    street.allow(f"{street.caller}/32", "10.0.0.0/8", "10.1.0.0/16")
    street.box.fab("setup-firewall")
    assert street.admits(22)
    assert street.admits(UI)
    assert not street.admits(22, stranger=True)
    assert not street.admits(UI, stranger=True)
    assert "table ip others" in street.rules()
    assert "nothing to do" in street.box.fab("setup-firewall")


def test_the_other_hosts_of_the_file_come_in_where_programs_listen(street: Street) -> None:
    hosts = street.box.folder / "hosts.toml"
    before = hosts.read_text()
    street.box.ssh(f"for port in {LOW} {HIGH}; do sudo systemd-run -q python3 -m http.server $port; done")
    hosts.write_text(f'{before}[host.other]\naddress = "other.example"\ngpu = "none"\ninner = "{street.stranger}"\n')
    try:
        assert "firewall  installed" in street.box.fab("setup-firewall", "--limit", "box")
        until(lambda: street.admits(HIGH, stranger=True))
        assert [street.admits(port, stranger=True) for port in (UI, LOW, 22)] == [True, False, False]
        assert not street.admits(HIGH)
    finally:
        hosts.write_text(before)
    street.box.fab("setup-firewall")
    assert not street.admits(HIGH, stranger=True)


def test_another_firewall_is_left_alone_and_named(street: Street) -> None:
    before = street.rules()
    street.box.ssh("printf '#!/bin/sh\\necho Status: active\\n' | sudo install -m 755 /dev/stdin /usr/local/sbin/ufw")
    said = street.box.fab("setup-firewall", "--fresh", code=6)
    street.box.ssh("sudo rm /usr/local/sbin/ufw")
    assert "ufw disable" in said
    assert street.rules() == before


def test_rules_that_would_lock_somebody_out_are_taken_back(street: Street) -> None:
    before = street.rules()
    broken = '#!/bin/sh\\n[ "$1" != get ] && exec /usr/sbin/nft "$@"\\n'
    street.box.ssh(f"printf '{broken}' | sudo install -m 755 /dev/stdin /usr/local/sbin/nft")
    street.allow(f"{street.stranger}/32")
    said = street.box.fab("setup-firewall", code=6)
    street.box.ssh("sudo rm /usr/local/sbin/nft")
    assert f"{street.caller} is connected, and would be locked out" in said
    assert street.rules() == before
    street.allow(f"{street.caller}/32")
    assert "firewall  installed" in street.box.fab("setup-firewall")


def test_it_is_there_after_a_reboot(street: Street) -> None:
    booted = street.box.ssh("systemctl show -P UserspaceTimestamp")
    street.box.ssh("sudo systemd-run --on-active=1 systemctl reboot")
    question = "systemctl show -P UserspaceTimestamp; systemctl is-active web.service || true"

    def is_back() -> bool:
        if not street.admits(22):
            return False
        stamp, web, *_ = [*street.box.ssh(question).splitlines(), ""]
        return stamp != booted.strip() and web == "active"

    time.sleep(1)
    until(is_back, 120, pause=1)
    assert street.admits(UI)
    assert not street.admits(UI, stranger=True)
    assert not street.admits(22, stranger=True)
    assert "nothing to do" in street.box.fab("setup-firewall")
