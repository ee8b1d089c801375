"""Several hosts on the command line and in a hosts file, none of which answers: what is told, counted and chosen."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.kit.fab import FAB, clean_environment, fab, refused, write_hosts
from tests.kit.power import IDLE
from tests.kit.ssh_server import PORT, Server, known_to


def test_a_host_that_fails_keeps_no_other_waiting(tmp_path: Path) -> None:
    write_hosts(tmp_path, "a", "b")
    for words in (("status",), ("-H", "a,b", "status"), ("plan", "--recipe", "base"), ("-H", "a,b", "setup-base")):
        done = fab(tmp_path, *words, code=4)
        for name in "ab":
            assert f"{name}  error: {name} (127.0.0.1) does not answer on port 9" in done.stderr, words
        assert "2 of 2 hosts failed:" in done.stderr, words


def test_what_is_wrong_on_every_host_is_told_once_and_counted(tmp_path: Path) -> None:
    write_hosts(tmp_path, "a", "b", "c", gpu="T4")
    for words, count in ((("setup-cudnn",), 3), (("-H", "a,c", "plan", "--recipe", "cudnn"), 2)):
        done = fab(tmp_path, *words, code=2)
        assert done.stderr.count("setup-cudnn --accept") <= 1
        assert done.stderr.count('"nvidia-cuda"') == 2, done.stderr  # in full once, and in the summary
        assert done.stderr.count("error: the same as on ") == count - 1
        assert f"{count} of {count} hosts failed:" in done.stderr


def test_who_failed_is_told_below_what_the_others_said(tmp_path: Path) -> None:
    write_hosts(tmp_path, "dead")
    server, address = Server("alive"), "127.0.9.2"
    server.says = f"{json.dumps({**IDLE, 'guard': {'there': False}})}\n".encode()
    known_to(tmp_path / "home", {address: server})
    with (tmp_path / "hosts.toml").open("a") as hosts:
        hosts.write(f'[host.alive]\naddress = "{address}"\nport = {PORT}\nuser = "root"\ngpu = "none"\n')
    env = clean_environment(PATH="/usr/bin:/bin", HOME=str(tmp_path / "home"))
    with server.at(address):
        both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run([*FAB, "status"], cwd=tmp_path, env=env, text=True, check=False, **both)  # type: ignore[call-overload]
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert any(line.startswith("machine    ubuntu-22.04") for line in lines)
    assert lines[-2] == "1 of 2 hosts failed:"
    assert lines[-1].startswith("  dead: dead (127.0.0.1) does not answer on port 9")


def test_limit_takes_names_and_addresses_and_knows_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(
        "".join(f'[host.{name}]\naddress = "127.0.0.{i}"\nport = 9\ngpu = "none"\n' for i, name in enumerate("xyz", 1))
    )
    two = fab(tmp_path, "status", "--limit", "127.0.0.3, x", code=4)
    assert "2 of 2 hosts failed:" in two.stderr
    assert "127.0.0.2" not in two.stderr
    one = fab(tmp_path, "status", "--limit", "y").stderr
    assert one.startswith("error: y (127.0.0.2) does not answer")
    # One host needs neither its name before each line nor a summary.
    assert "hosts failed" not in one
    for words in (("setup-base",), ("run", "--command=ls"), ("fetch", "x"), ("render",)):
        wrong = refused(tmp_path, *words, "--limit", "x,w")
        assert wrong == "error: --limit w: no host has that name or address\n       there are: x, y, z\n", words
