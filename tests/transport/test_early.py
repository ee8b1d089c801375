"""The program that was started with the login takes the first request, or it is started as ever."""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path

import paramiko
import pytest

from provision.agent.verbs import Verb
from provision.agent.wire.requests import Follow
from provision.model import cache
from provision.transport import ahead, launcher
from provision.transport.session import Session
from tests.kit.ahead_lab import before, begun, new_program, says, servers, session
from tests.kit.ssh_server import Server
from tests.kit.wait import until

__all__ = ["before", "servers"]

FOLLOW: Follow = {"verb": Verb.FOLLOW, "run": "1", "offset": 0, "positions": {}}


class Program:
    """The program of a host: what was started, and what it was asked by the line."""

    def __init__(self, server: Server, *, noise: str = "", lacks: bool = False) -> None:
        self.started: list[str] = []
        self.lines: list[bytes] = []
        self._noise, self._lacks = noise, lacks
        server.acts = self.act

    def act(self, channel: paramiko.Channel, command: str) -> None:
        is_early = '"early": ' in command
        self.started.append("early" if is_early else "at once")
        if is_early and not self._lacks:
            channel.sendall(self._noise.encode())
            line = channel.makefile("rb").readline()
            if not line:
                return
            self.lines.append(line)
            channel.sendall(b'{"event": "alive"}\n')
        if not (is_early and self._lacks):
            channel.sendall(b'{"event": "unchanged", "steps": {}, "since": 1.0}\n')
        channel.send_exit_status(0)


def kinds(made: Session) -> list[str]:
    """Ask a host; returns the kinds of events that answer."""
    with made:
        return [str(event["event"].value) for event in made.ask(FOLLOW)]


def is_root() -> bool:
    """Return what was kept of the last login."""
    answer: bool = json.loads(cache.read(ahead.KIND, ahead._name()) or "")["is_root"]
    return answer


@pytest.mark.parametrize(("noise", "answers"), [("", ["unchanged"]), ("motd\n", ["log", "unchanged"])])
def test_the_program_that_was_started_with_the_login_takes_the_request(
    before: tuple[Server, Server], tmp_path: Path, noise: str, answers: list[str]
) -> None:
    program = Program(before[0], noise=noise)
    begun()
    assert kinds(session(tmp_path)) == answers
    assert (program.started, program.lines) == (["early"], [launcher.line(FOLLOW)])


def test_a_second_request_starts_its_own(before: tuple[Server, Server], tmp_path: Path) -> None:
    program = Program(before[0])
    begun()
    with session(tmp_path) as made:
        for _ in range(2):
            list(made.ask(FOLLOW))
    assert program.started == ["early", "at once"]


def test_where_the_host_lacks_the_program_it_is_started_as_ever(before: tuple[Server, Server], tmp_path: Path) -> None:
    program = Program(before[0], lacks=True)
    begun()
    assert kinds(session(tmp_path)) == ["unchanged"]
    assert program.started == ["early", "at once"]


def test_with_a_password_for_sudo_nothing_is_started_ahead(before: tuple[Server, Server], tmp_path: Path) -> None:
    program = Program(before[0])
    begun()
    made = session(tmp_path)
    made.config.sudo.password = "correct horse"
    assert kinds(made) == ["unchanged"]
    assert (program.lines, program.started[-1]) == ([], "at once")
    assert not is_root(), "and the next command starts nothing"


def test_an_account_that_is_root_only_by_sudo_has_to_have_been_seen_to_be(
    servers: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by(user: str) -> Session:
        made = session(tmp_path)
        made.host = dataclasses.replace(made.host, user=user)
        return made

    assert says(by("me")) == "here"
    assert not is_root()
    program = Program(servers[0])
    for started in (["at once"], ["at once", "early"]):
        new_program(monkeypatch)
        assert begun() == 1
        assert kinds(by("me")) == ["unchanged"]
        assert program.started == started
        assert is_root()


@pytest.mark.parametrize(("verb", "looks"), [("setup-base", True), ("plan", True), ("ps", False), ("status", False)])
def test_only_a_verb_whose_first_question_that_is_has_the_host_looked_at(
    before: tuple[Server, Server], verb: str, looks: bool
) -> None:
    commands: list[str] = []
    before[0].acts = lambda _, command: commands.append(command)
    begun((verb,))
    until(lambda: commands)
    assert json.loads(shlex.split(commands[0])[-1])["early"] is looks
