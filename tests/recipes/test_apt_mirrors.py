"""How apt's lists are sent through mirrors: by fixed strings, so that no address is a command, and once."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from provision.bundle.render import render
from provision.model.target import Target

LISTS = "/etc/apt/sources.list /etc/apt/sources.list.d"
OLD = "deb http://archive.example/ubuntu jammy main\ndeb http://archive.example/ubuntu-security jammy main\n"


def rewrite(folder: Path, table: dict[str, str]) -> str:
    """Rewrite the list in a folder as base does on a box; returns what is in it then."""
    (base,) = render(["base"], Target(mirrors={"apt": table})).steps
    found = re.search(r"^find /etc/apt.*?\{\} \+$", base.install, re.DOTALL | re.MULTILINE)
    assert found
    script = found[0].replace(LISTS, str(folder))
    assert script != found[0]
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True, cwd=folder)
    return (folder / "sources.list").read_text(encoding="utf-8")


def verifies(folder: Path, table: dict[str, str]) -> bool:
    """Return whether base finds in the list in a folder what its install makes of it."""
    (base,) = render(["base"], Target(mirrors={"apt": table})).steps
    found = re.search(r"^lists=.*", base.verify, re.DOTALL | re.MULTILINE)
    assert found
    script = 'want() { shift; "$@" || exit 1; }\n' + found[0].replace("/etc/apt/", f"{folder}/")
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=False).returncode == 0


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    (tmp_path / "sources.list").write_text(OLD, encoding="utf-8")
    return tmp_path


def test_the_longest_address_counts_and_another_time_changes_nothing(lists: Path) -> None:
    table = {
        "http://archive.example/ubuntu": "http://archive.example/ubuntu/mirror",
        "http://archive.example/ubuntu-security": "http://s.example/",
    }
    new = "deb http://archive.example/ubuntu/mirror jammy main\ndeb http://s.example/ jammy main\n"
    assert rewrite(lists, table) == new
    written = (lists / "sources.list").stat().st_mtime_ns
    assert rewrite(lists, table) == new
    assert (lists / "sources.list").stat().st_mtime_ns == written, "apt would refresh its lists for nothing"


def test_another_mirror_is_missed_where_the_lists_do_not_name_it(lists: Path) -> None:
    address, mirror = "http://archive.example/ubuntu", "http://archive.example/ubuntu/mirror"
    assert not verifies(lists, {address: mirror})
    rewrite(lists, {address: mirror})
    assert verifies(lists, {address: mirror})
    assert not verifies(lists, {address: "http://other.example/"})


# None of them passes the checks; here they do not have to.
@pytest.mark.parametrize(
    "mirror", ["x|e;s|", "a&b", r"\1\n", "' ; touch out; '", '"$(touch out)"', "`touch out`", "-x"]
)
def test_whatever_a_mirror_is_called_it_is_no_command(lists: Path, mirror: str) -> None:
    address = "http://archive.example/ubuntu"
    assert rewrite(lists, {address: mirror}) == OLD.replace(address, mirror)
    assert [path.name for path in lists.iterdir()] == ["sources.list"]
