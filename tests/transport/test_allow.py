"""Who may come in, as hosts.toml says it: address ranges and a port reach the target, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provision.model.errors import BadInput
from provision.transport import inventory

if TYPE_CHECKING:
    from pathlib import Path

HEAD = '[host.desk]\naddress = "desk.example"\ngpu = "RTX 3090"\n'


def write(folder: Path, lines: str) -> Path:
    path = folder / "hosts.toml"
    path.write_text(HEAD + lines)
    return path


def test_ranges_of_both_kinds_and_the_port_reach_the_target(tmp_path: Path) -> None:
    lines = 'allow = ["198.51.100.7", "10.0.0.0/8", "2001:db8::/32"]\nui_port = 8888\n'
    (host,) = inventory.from_file(write(tmp_path, lines))
    assert host.target is not None
    assert host.target.allow == ("198.51.100.7", "10.0.0.0/8", "2001:db8::/32")
    assert (host.target.ui_port, host.target.compute) == (8888, "8.6")


@pytest.mark.parametrize(
    "wrong", ['"198.51.100.7"', "[]", "[7]", '["desk.example"]', '["198.51.100.7/24"]', '["0.0.0.0/0"]', '["::/0"]']
)
def test_what_is_no_given_address_is_refused_with_what_is_one(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(BadInput, match=r'\[host.desk\] "allow" has to be a list of address ranges') as refused:
        inventory.from_file(write(tmp_path, f"allow = {wrong}\n"))
    assert "198.51.100.7/32" in str(refused.value)


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match='"ui_port" has to be a port number'):
        inventory.from_file(write(tmp_path, "ui_port = 0\n"))
