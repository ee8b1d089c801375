"""Many hosts at once, all of them one SSH server in the process of the test."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provision.model.errors import GpurigError
from provision.model.host import Host
from provision.transport.session import Session
from tests.kit.ssh_server import PORT, Server, known_to

ADDRESS = f"127.9.{os.getpid() % 250 + 1}.1"


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
