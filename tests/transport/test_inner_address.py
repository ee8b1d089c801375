"""Where the hosts of a stack, and those of a hosts file, reach each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision.model.errors import BadInput
from provision.transport import inventory, stack
from tests.kit.fab import host_row, outputs

OTHER = '[host.a]\naddress = "127.0.0.1"\ngpu = "none"\n'


def test_hosts_reach_each_other_where_the_file_says_or_at_their_addresses(tmp_path: Path) -> None:
    head = '[host.head]\naddress = "desk.example"\ninner = "10.0.0.5"\ngpu = "none"\n'
    (tmp_path / "hosts.toml").write_text(f"{head}{OTHER}")
    assert {host.name: host.inner for host in inventory.from_file(tmp_path / "hosts.toml")} == {
        "head": "10.0.0.5",
        "a": "127.0.0.1",
    }


def test_a_boxs_private_address_is_where_the_others_reach_it_also_while_it_is_stopped() -> None:
    rows = [host_row(innerAddress="10.0.7.9"), host_row(name="off", address="", innerAddress="10.0.7.10")]
    rows += [host_row(name="private", access="private", address="10.0.7.11"), host_row(name="old")]
    found = stack.found(json.loads(outputs(*rows))["deployment"]).hosts
    assert {host.name: (host.address, host.inner) for host in found} == {
        "box": ("127.0.0.1", "10.0.7.9"),
        "off": ("", "10.0.7.10"),
        "private": ("10.0.7.11", "10.0.7.11"),
        "old": ("127.0.0.1", ""),
    }


def test_only_addresses_that_the_file_gives_are_let_in_by_the_others_firewalls(tmp_path: Path) -> None:
    rows = {"a": "10.0.0.5", "b": "2001:db8::6", "c": ""}
    table = '[host.{0}]\naddress = "{0}.example"\ngpu = "none"\n{1}'
    text = "".join(table.format(name, f'inner = "{ip}"\n' if ip else "") for name, ip in rows.items())
    (tmp_path / "hosts.toml").write_text(text)
    hosts = {host.name: host.target for host in inventory.from_file(tmp_path / "hosts.toml")}
    assert {name: target and target.peers for name, target in hosts.items()} == {
        "a": ("2001:db8::6",),
        "b": ("10.0.0.5",),
        "c": ("10.0.0.5", "2001:db8::6"),
    }


@pytest.mark.parametrize("inner", ["other.example", "10.0.0.5/24", "fe80::1%eth0"])
def test_what_is_no_ip_address_is_none_where_others_reach_a_host(tmp_path: Path, inner: str) -> None:
    (tmp_path / "hosts.toml").write_text(f'[host.a]\naddress = "a"\ngpu = "none"\ninner = "{inner}"\n')
    with pytest.raises(BadInput, match=r"inner.*has to be an IP address"):
        inventory.from_file(tmp_path / "hosts.toml")
