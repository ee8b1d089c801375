"""The login is begun before anybody asks for it, and taken only where it is the one that would be made."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import paramiko
import pytest

from gpurig import fab
from provision.model import cache
from provision.model.errors import Unreachable, UntrustedHost
from provision.model.host import Host
from provision.transport import ahead, pulumi_cli
from tests.kit.ahead_lab import HERE, THERE, before, begun, says, servers, session
from tests.kit.fab import ROOT, clean_environment, write_hosts
from tests.kit.ssh_server import PORT, Server, known_to
from tests.kit.wait import until

__all__ = ["before", "servers"]

PROGRAM = ROOT / "gpurig" / "fab.py"


def test_the_login_that_was_needed_last_is_begun_at_once_and_taken(
    before: tuple[Server, Server], tmp_path: Path
) -> None:
    assert begun() == 1
    until(lambda: before[0].met == 2)
    assert says(session(tmp_path)) == "here"
    assert before[0].met == 2, "one connection for each command"


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(
    "words",
    [("-H", "a", "ps"), ("ps", "-Ha"), ("--list",), ("setup-base", "-h")],
)
def test_a_command_that_may_look_elsewhere_begins_nothing(words: tuple[str, ...]) -> None:
    assert begun(words) == 0


def test_a_host_elsewhere_is_gone_to(before: tuple[Server, Server], tmp_path: Path) -> None:
    asked: list[bytes] = []
    before[0].acts = lambda channel, _: asked.append(channel.makefile("rb").readline())
    assert begun() == 1
    assert says(session(tmp_path, THERE)) == "there"
    assert not any(asked), "nothing is asked where the login went in vain"


def test_a_login_by_another_key_is_not_taken(before: tuple[Server, Server], tmp_path: Path) -> None:
    assert begun() == 1
    other = tmp_path / "other"
    paramiko.ECDSAKey.generate().write_private_key_file(str(other))
    assert says(session(tmp_path, key_filename=[str(other)])) == "here"
    until(lambda: before[0].met == 3)


def test_a_host_that_shows_another_key_now_is_refused(
    before: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(before[0], "key", paramiko.ECDSAKey.generate())
    assert begun() == 1
    with session(tmp_path) as made, pytest.raises(UntrustedHost, match="another host key"):
        made.root("hello")
    assert before[0].answered == 1


def test_a_host_that_is_gone_is_said_to_be(
    before: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ahead._name()
    kept = json.loads(cache.read(ahead.KIND, name) or "")
    kept["login"]["port"] = 9
    cache.keep(ahead.KIND, name, json.dumps(kept))
    assert begun() == 1
    made = session(tmp_path)
    monkeypatch.setattr(made, "host", Host(name="box", address=HERE, user="root", port=9))
    with made, pytest.raises(Unreachable, match="does not answer on port 9"):
        made.root("hello")
    assert before[0].met == 1


@pytest.mark.usefixtures("servers")
def test_a_login_with_a_secret_is_not_written_down(tmp_path: Path) -> None:
    assert says(session(tmp_path, password="correct horse")) == "here"
    assert not (tmp_path / "cache").exists()
    assert begun() == 0


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"login": {}, "is_root": true}', '{"login": []}', '"text"'])
def test_what_is_no_login_begins_nothing(text: str) -> None:
    cache.keep(ahead.KIND, ahead._name(), text)
    assert begun() == 0


@pytest.mark.usefixtures("before")
def test_an_option_that_is_not_among_those_begins_nothing() -> None:
    name = ahead._name()
    kept = json.loads(cache.read(ahead.KIND, name) or "")
    kept["login"]["options"]["pkey"] = "x"
    cache.keep(ahead.KIND, name, json.dumps(kept))
    assert begun() == 0


def test_pulumi_is_asked_once_for_what_was_begun_and_anew_for_what_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pulumi"
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked; wc -l <{tmp_path}/asked\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    pulumi_cli.begin("stack", "export")
    until((tmp_path / "asked").exists)
    assert [int(pulumi_cli.finished("stack", "export").stdout) for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ("ps", True),
        ("setup-base --limit box", True),
        ("recipes", False),
        ("-r elsewhere setup-base", False),
        ("setup-base -r elsewhere", False),
        ("setup-base -relsewhere", False),
        ("ps -ec other", False),
        ("ps --collection other", False),
        ("ps --search-root=elsewhere", False),
    ],
)
def test_nothing_is_imported_for_tasks_of_another_folder(
    words: str, begins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    asked: list[object] = []
    monkeypatch.setattr(ahead, "begin", asked.append)
    fab._begun(words.split())
    assert asked == ([words.split()] if begins else [])


def test_fab_begins_before_it_reads_fabric(tmp_path: Path) -> None:
    server = Server("box")
    known_to(tmp_path, {HERE: server})
    write_hosts(tmp_path, "box", address=HERE, port=PORT)
    own = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONVERBOSE": "1"}
    env = clean_environment(**own, GPURIG_HOSTS=str(tmp_path / "hosts.toml"))
    with server.at(HERE):
        for number in (1, 2):
            command = [sys.executable, str(PROGRAM), "ps"]
            done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            order = re.findall(
                r"^import '(provision\.transport\.ahead|paramiko|fabric\.main)'", done.stderr, re.MULTILINE
            )
            assert order == ["provision.transport.ahead", "paramiko", "fabric.main"]
            assert server.met == number, done.stderr[-500:]
            assert len(list((tmp_path / "cache" / "gpurig" / "logins").iterdir())) == 1
