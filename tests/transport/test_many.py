"""Many hosts at once: how many log in together, are sent to and begin a session, and by how many logins in between."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import fabric
import pytest

from provision.model.errors import GpurigError, Unreachable
from provision.transport import connection, session_manager
from provision.transport.connection import Connection
from provision.transport.session import Session
from provision.work import rsync
from tests.kit.many import ADDRESS, at_once, home, host, server, visit
from tests.kit.ssh_server import PORT, Server
from tests.kit.wait import until

__all__ = ["home", "server"]
BASTION = "127.0.9.251"
SETTLED = 0.3
"""Seconds after which nobody else comes who may."""


def test_many_hosts_behind_one_machine_are_one_login_there_and_the_last_one_leaves_it(
    server: Server, home: Path
) -> None:
    bastion = Server("bastion")
    with (home / ".ssh" / "known_hosts").open("a") as known:
        known.write(bastion.known_at(BASTION))
        known.writelines(server.known_at(f"10.9.9.{number}") for number in range(12))
    bastion.knows = {f"10.9.9.{number}": ADDRESS for number in range(12)}
    inside = threading.Barrier(12)

    def stay(number: int) -> None:
        through = host(number, address=f"10.9.9.{number}", jump=f"me@{BASTION}:{PORT}")
        with Session(through, tell=lambda _: None) as session:
            assert session.connection.is_connected
            inside.wait(60)

    with bastion.at(BASTION):
        assert at_once(12, stay) == [None] * 12
        assert (bastion.logins, server.logins) == (1, 12)
        inside = threading.Barrier(1)
        stay(0)
        assert bastion.logins == 2, "nobody was in between any more"


def test_a_machine_in_between_that_does_not_answer_is_asked_once_by_those_who_wait(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    del server
    monkeypatch.setattr(connection, "TURNED_AWAY_SECONDS", 0.5)
    with socket.create_server((BASTION, PORT)) as listening:
        asked = []

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listening.accept()
                    asked.append(taken)
                    time.sleep(SETTLED)
                    taken.close()

        threading.Thread(target=answer, daemon=True).start()
        raised = at_once(12, lambda number: visit(host(number, jump=f"me@{BASTION}:{PORT}")))
        listening.shutdown(socket.SHUT_RDWR)
    assert all(isinstance(error, Unreachable) and BASTION in error.what for error in raised)
    assert {error.hint for error in raised if isinstance(error, GpurigError)} == {
        "it takes connections and hangs up: too many log in there at once (MaxStartups in its sshd_config)"
    }
    assert len(asked) < 2 * 12, "they shared the attempts, of which there are several until one gives up"


class Counted:
    """Takes connections, and counts those that log in: paramiko speaks first, and at once."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.now: set[socket.socket] = set()
        self.most = self.taken = self.spoke = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = self.listening.accept()
                self.taken += 1
                threading.Thread(target=self._hear, args=(one,), daemon=True).start()

    def _hear(self, one: socket.socket) -> None:
        with one, contextlib.suppress(OSError):
            if one.recv(4) == b"SSH-":
                self.now.add(one)
                self.spoke, self.most = self.spoke + 1, max(self.most, len(self.now))
                while one.recv(1024):
                    pass
            self.now.discard(one)

    def hang_up(self, count: int) -> None:
        """End so many of them."""
        for one in [*self.now][:count]:
            self.now.discard(one)
            one.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("way", ["straight", "gateway"])
def test_so_many_log_in_at_once_and_the_others_wait_their_turn(
    home: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    most, proxy = connection.LOGINS, ""
    if way == "gateway":
        most, proxy = connection.BY_GATEWAY, f"  ProxyJump me@{BASTION}:{PORT}\n"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(f"Host {ADDRESS}\n  User root\n{proxy}")
    monkeypatch.setattr(connection, "TURNED_AWAY_SECONDS", 0)
    config = fabric.Config(user_ssh_path=str(home / ".ssh" / "config"))
    with socket.create_server((BASTION if proxy else ADDRESS, PORT), backlog=128) as listening:
        counted = Counted(listening)
        opening = threading.Thread(target=at_once, args=(most + 5, lambda _: Connection(host(), config).open()))
        opening.start()
        until(lambda: counted.spoke >= most)
        if not proxy:  # where it is Fabric that dials, that is part of the turn
            until(lambda: counted.taken == most + 5)
        time.sleep(SETTLED)
        assert counted.most == most
        while opening.is_alive():
            counted.hang_up(3)
            opening.join(0.05)
        assert (counted.most, counted.spoke) == (most, most + 5)
        listening.shutdown(socket.SHUT_RDWR)


def test_so_many_are_sent_to_at_once() -> None:
    inside: list[int] = []
    most: list[int] = []
    told: list[str] = []

    class Told:
        def now(self, text: str) -> None:
            told.append(text)

    def send(number: int) -> None:
        with rsync._turn(Told()):  # type: ignore[arg-type] # of a view, this is all that is asked
            inside.append(number)
            most.append(len(inside))
            until(lambda: len(told) >= 2 * rsync.AT_ONCE)  # all others have come, and wait
            inside.remove(number)

    at_once(3 * rsync.AT_ONCE, send)
    assert max(most) == rsync.AT_ONCE
    assert told.count("sending") == 2 * rsync.AT_ONCE


def test_sessions_of_session_manager_begin_so_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speak, begun = tmp_path / "speak", tmp_path / "begun"
    begun.mkdir()
    script = f"touch {begun}/$$; while [ ! -e {speak} ]; do sleep 0.02; done; echo SSH-2.0-box; exec sleep 60"
    for name in session_manager.PROGRAMS:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    ways = [session_manager.SessionManager() for _ in range(session_manager.AT_ONCE + 3)]
    dialled: list[socket.socket] = []

    def dial(number: int) -> None:
        there = host(number, instance_id="i-0a1", region="us-east-1")
        dialled.append(ways[number].dial(there, 1))

    thread = threading.Thread(target=at_once, args=(len(ways), dial))
    thread.start()
    until(lambda: len(list(begun.iterdir())) == session_manager.AT_ONCE)
    time.sleep(SETTLED)
    assert len(list(begun.iterdir())) == session_manager.AT_ONCE
    assert dialled == []
    speak.touch()
    thread.join(60)
    assert [one.recv(4) for one in dialled] == [b"SSH-"] * len(ways), "what was waited for is still to be read"
    for way, one in zip(ways, dialled, strict=True):
        way.close()
        one.close()
