"""The password for sudo goes to sudo alone: not to a host that prints what looks like its prompt."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import fabric
import paramiko
import pytest

from provision.model.errors import GpurigError, Unreachable
from provision.model.host import Host
from provision.transport.session import Session
from tests.kit.box import quiet
from tests.kit.ssh_server import PORT, Server, known_to

ADDRESS = "127.0.7.1"
PASSWORD = "correct horse"
PROMPT = r"gpurig [0-9a-f]{32}: sudo asks for a password"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server("box")
    known_to(tmp_path, {ADDRESS: server})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GPURIG_SSH_KEY", raising=False)
    with server.at(ADDRESS):
        yield server


def session(tmp_path: Path) -> Session:
    host = Host(name="box", address=ADDRESS, user="somebody", port=PORT)
    own = {"key_filename": [str(tmp_path / ".ssh" / "id_ecdsa")], "allow_agent": False}
    config = fabric.Config(overrides={"sudo": {"password": PASSWORD}, "connect_kwargs": own})
    return Session(host, config, tell=quiet)


class Hostile:
    """A host that prints lines as soon as it is asked anything, and takes what comes back."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.heard = b""
        self.commands: list[str] = []

    def __call__(self, channel: paramiko.Channel, command: str) -> None:
        self.commands.append(command)
        channel.settimeout(0.3)
        # A prompt that is printed twice would be answered as one that was not content with the first answer.
        channel.sendall("".join(f"{line}\n" for line in self.lines).encode())
        with contextlib.suppress(OSError):
            while data := channel.recv(4096):
                self.heard += data
        channel.send_exit_status(1)


@pytest.mark.parametrize(
    "line",
    ["gpurig: sudo asks for a password", "[sudo] password: ", "[sudo] password for somebody: ", "Password: "],
)
def test_a_prompt_that_is_not_this_call_s_gets_nothing(tmp_path: Path, server: Server, line: str) -> None:
    server.acts = hostile = Hostile(line)
    for ask in ("facts", "root"):
        with session(tmp_path) as open_one, contextlib.suppress(GpurigError):
            open_one.facts() if ask == "facts" else open_one.root("true")
    assert len(hostile.commands) == 2
    assert PASSWORD.encode() not in hostile.heard


def test_another_call_s_prompt_gets_nothing(tmp_path: Path, server: Server) -> None:
    server.acts = first = Hostile()
    with session(tmp_path) as open_one, contextlib.suppress(GpurigError):
        open_one.facts()
    (prompt,) = set(re.findall(PROMPT, first.commands[0]))
    server.acts = second = Hostile(prompt)
    with session(tmp_path) as open_one, contextlib.suppress(GpurigError):
        open_one.facts()
    assert prompt not in second.commands[0]
    assert second.heard == b""


class PlaysSudo:
    """A host where sudo asks so often, and then the command begins; `late`: what looks like sudo again after that."""

    def __init__(self, times: int, *, late: bool = False) -> None:
        self.times, self.late = times, late
        self.heard: list[bytes] = []

    def __call__(self, channel: paramiko.Channel, command: str) -> None:
        with contextlib.suppress(OSError):  # a client that has heard enough
            self._play(channel, shlex.split(command))

    def _play(self, channel: paramiko.Channel, words: list[str]) -> None:
        prompt = words[words.index("-p") + 1]
        channel.settimeout(0.3)
        for _ in range(self.times):
            channel.sendall(prompt.encode())
            with contextlib.suppress(OSError):
                self.heard.append(channel.recv(100))
        begins = shlex.split(words[-1].partition(";")[0])[1]
        channel.sendall(f"{begins}\n".encode() + (prompt.encode() if self.late else b""))
        with contextlib.suppress(OSError):
            self.heard.append(channel.recv(100))
        channel.sendall(b"done\n")
        channel.send_exit_status(0)


def test_sudo_s_own_prompt_is_answered_once(tmp_path: Path, server: Server) -> None:
    server.acts = sudo = PlaysSudo(1)
    with session(tmp_path) as open_one:
        assert open_one.root("true") == (0, "done\n")
    assert sudo.heard == [f"{PASSWORD}\n".encode()]
    server.acts = sudo = PlaysSudo(2)
    with session(tmp_path) as open_one, pytest.raises(Unreachable, match="password for sudo"):
        open_one.root("true")
    assert sudo.heard[0] == f"{PASSWORD}\n".encode()
    assert not any(sudo.heard[1:])


def test_once_the_command_speaks_nobody_is_answered(tmp_path: Path, server: Server) -> None:
    server.acts = sudo = PlaysSudo(0, late=True)
    with session(tmp_path) as open_one:
        code, said = open_one.root("true")
    assert code == 0
    assert re.fullmatch(f"{PROMPT}\ndone\n", said), "it is said, as all else"
    assert sudo.heard == [], "sudo had let it in without asking"
