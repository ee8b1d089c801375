"""What was begun and nobody wants any more is closed, and nobody waits for it; what is not to be kept is not."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fabric
import pytest

from provision.model import cache
from provision.model.host import Host
from provision.tasks.context import Context
from provision.transport import ahead, session_manager
from provision.transport.ahead import Begun
from provision.transport.connection import Connection
from provision.transport.session import Session

LOGIN = {"name": "box", "user": "me", "options": {}}


class Made:
    """Stands for a connection, or for a client that has logged in."""

    def __init__(self, *, active: bool = True) -> None:
        self.active, self.closed = active, 0

    def get_transport(self) -> Any:
        return SimpleNamespace(is_active=lambda: self.active)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Future[Any]:
    """A login that was begun, in a program that has remembered none yet."""
    answer: Future[Any] = Future()
    monkeypatch.setattr(ahead, "_begun", [(LOGIN, answer)])
    monkeypatch.setattr(ahead, "_remembered", [])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return answer


def test_a_session_that_is_left_waits_for_no_opening_and_closes_what_comes_of_it() -> None:
    late = Made()
    session, opening = Session(Host(name="box", address="192.0.2.7")), Future[Any]()
    session._opening = opening
    leaving = threading.Thread(target=session.close, daemon=True)
    leaving.start()
    leaving.join(1)
    assert not leaving.is_alive()
    opening.set_result(late)
    assert late.closed == 1
    done = Future[Any]()
    done.set_exception(OSError("nobody there"))
    session._opening = done
    session.close()


@pytest.mark.parametrize("other", [None, {**LOGIN, "name": "other"}])
def test_a_login_that_is_not_the_one_is_given_up(begun: Future[Any], other: dict[str, Any] | None) -> None:
    late = Made()
    assert ahead.taken(other) is None
    begun.set_result(Begun(late, None))
    assert late.closed == 1
    assert ahead.taken(LOGIN) is None


@pytest.mark.parametrize("active", [True, False])
def test_a_login_is_taken_where_the_host_has_not_hung_up(begun: Future[Any], active: bool) -> None:
    made = Made(active=active)
    begun.set_result(Begun(made, None))
    assert ahead.taken(LOGIN) == (Begun(made, None) if active else None)
    assert made.closed == (not active)


@pytest.mark.usefixtures("begun")
def test_what_cannot_be_written_down_is_not_and_nothing_fails() -> None:
    ahead.remember({**LOGIN, "options": {"key_filename": Path("key")}})
    assert cache.read(ahead.KIND, ahead._name()) is None


@pytest.mark.usefixtures("begun")
def test_a_login_is_kept_and_that_of_a_host_given_for_one_command_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    given = Context(fabric.Connection("me@192.0.2.7"))
    monkeypatch.setattr("provision.tasks.context.given_hosts", lambda _: ["me@192.0.2.7"])
    assert [host.address for host in given.everyone] == ["192.0.2.7"]
    ahead.remember(LOGIN)
    assert cache.read(ahead.KIND, ahead._name()) is None
    monkeypatch.setattr(ahead, "_remembered", [])
    ahead.remember(LOGIN)
    assert json.loads(cache.read(ahead.KIND, ahead._name()) or "") == {"login": LOGIN, "is_root": False}


def test_a_login_with_a_key_given_for_one_command_is_not_written_down() -> None:
    host, key = Host(name="box", address="192.0.2.7", user="me", port=22), ["/keys/one"]
    plain = fabric.Config(overrides={"connect_kwargs": {"key_filename": key}})
    # As Fabric puts what `-i` says.
    given = fabric.Config(
        overrides={"connect_kwargs": {"key_filename": key}, "authentication": {"identities": [Path(key[0])]}}
    )
    assert Connection(host, plain)._login(10) is not None
    assert Connection(host, given)._login(10) is None


def test_a_session_of_session_manager_that_cannot_begin_leaves_no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = socket.socketpair()
    monkeypatch.setattr(socket, "socketpair", lambda: pair)
    monkeypatch.setattr(shutil, "which", str)
    monkeypatch.setattr(session_manager, "command", lambda _: ["aws"])

    def full(*_: object, **__: object) -> None:
        raise OSError("too many processes")

    monkeypatch.setattr(subprocess, "Popen", full)
    with pytest.raises(OSError, match="too many processes"):
        session_manager.SessionManager().dial(Host(name="box", address="192.0.2.7"), 1)
    assert [end.fileno() for end in pair] == [-1, -1]
