"""Many hosts at once: how many log in together, by how many logins to a machine in between, and what stays open."""

from __future__ import annotations

import contextlib
import gc
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fabric
import pytest

from provision.model.errors import GpurigError, Unreachable
from provision.model.host import Host
from provision.transport import connection, host_keys, known_hosts, session_manager
from provision.transport.connection import Connection
from provision.transport.session import Session
from provision.work import rsync
from tests.kit.fab import FAB, ROOT, clean_environment, write_hosts
from tests.kit.ssh_server import PORT, Server, known_to
from tests.kit.wait import until

ADDRESS, BASTION = "127.0.9.1", "127.0.9.251"
SETTLED = 0.3
"""Seconds after which nobody else comes who may."""


def at_once(count: int, action: Callable[[int], object]) -> list[BaseException | None]:
    """Do something so many times at once; returns what each of them raised."""
    raised: list[BaseException | None] = [None] * count

    def one(number: int) -> None:
        try:
            action(number)
        except GpurigError as error:
            raised[number] = error

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return raised


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's home folder, with a key."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SSH_AUTH_SOCK", "")
    monkeypatch.delenv("GPURIG_SSH_KEY", raising=False)
    return tmp_path / "home"


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    """Return a host that the user knows, at one address."""
    server = Server("box")
    known_to(home, {ADDRESS: server})
    with server.at(ADDRESS):
        yield server


def host(number: int = 0, **more: Any) -> Host:
    """Return a host; all of them are the server."""
    return Host(**{"name": f"h-{number}", "address": ADDRESS, "port": PORT, "user": "root", **more})


def visit(made: Host) -> None:
    """Log in, and go."""
    with Session(made, tell=lambda _: None) as session:
        assert session.connection.is_connected


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


def open_files() -> int:
    """Return how many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("how", ["let in", "refused"])
def test_files_come_back_after_every_visit(server: Server, how: str) -> None:
    server.refuses = how == "refused"
    at_once(2, lambda _: visit(host()))  # what is loaded once
    before = open_files()
    gc.disable()  # what is closed is closed, and not found by chance
    try:
        raised = at_once(20, lambda number: visit(host(number)))
        until(lambda: open_files() <= before)
    finally:
        gc.enable()
    assert all(raised) == (how == "refused")


def test_known_hosts_is_read_once_for_all_and_what_is_garbled_is_of_no_host(server: Server, home: Path) -> None:
    file = home / ".ssh" / "known_hosts"
    others = [Server(str(number)).known_at(f"192.0.2.{number}") for number in range(3)]
    garbled = "192.0.2.9 ssh-ed25519 AAAA%\n|1|cut ssh-ed25519 AAAA\nonly-a-name\n# a remark\n"
    file.write_text(garbled + "".join(others) + file.read_text())
    misses = known_hosts._read.cache_info().misses
    assert at_once(8, lambda number: visit(host(number))) == [None] * 8
    assert known_hosts._read.cache_info().misses == misses + 1
    file.write_text(file.read_text().removeprefix(garbled).replace(ADDRESS, "192.0.2.77"))
    with pytest.raises(GpurigError, match="is not known"):
        visit(host())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True, cwd=home)
    hashed = file.read_text()
    assert "192.0.2.77" not in hashed
    assert [entry.key for entry in known_hosts.entries(f"[192.0.2.77]:{PORT}")] == [server.key]
    # Of one kind the first counts, as before; another kind is another entry.
    file.write_text(server.known_at(ADDRESS) + others[0].replace("192.0.2.0", ADDRESS))
    assert [entry.key for entry in known_hosts.entries(f"[{ADDRESS}]:{PORT}")] == [server.key]


def test_more_hosts_than_the_system_has_files_for_are_refused_with_the_way_out(tmp_path: Path) -> None:
    write_hosts(tmp_path, *(f"h-{number}" for number in range(30)))
    limited = ["bash", "-c", 'ulimit -Sn 64; ulimit -Hn "$1"; shift; exec "$@"', "bash"]
    code = "from provision.model import laptop; print([laptop.open_files(wanted) for wanted in (32, 100, 200)])"

    def run(hard: str, *command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
        env = clean_environment(PATH="/usr/bin:/bin")
        return subprocess.run(
            [*limited, hard, *command], cwd=folder, env=env, capture_output=True, text=True, check=False
        )

    assert run("150", sys.executable, "-c", code).stdout == "[32, 100, 150]\n"
    done = run("150", *FAB, "status", folder=tmp_path)
    assert done.returncode == 2
    assert "30 hosts at once take 184 open files, and this system gives a program 150" in done.stderr
    assert "or at most 21 hosts: --limit A,B,…" in done.stderr


def test_consoles_are_looked_at_so_many_a_second_however_many_boxes_are_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    boxes = 4 * host_keys.LOOKS
    all_here = threading.Barrier(boxes)
    slept: list[float] = []

    def console(_: Host) -> str:
        all_here.wait(60)
        return "" if len(slept) < boxes else Server("box").console

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        all_here.wait(60)

    monkeypatch.setattr(host_keys, "_console", console)
    monkeypatch.setattr("provision.transport.host_keys.time.sleep", sleep)
    at_once(boxes, lambda n: host_keys.pin(host(n, instance_id=f"i-{n:08x}"), lambda _: None))
    assert slept == [boxes / host_keys.LOOKS] * boxes
    assert len((tmp_path / ".gpurig" / "known_hosts").read_text().splitlines()) == boxes


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
            time.sleep(0.02)
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
