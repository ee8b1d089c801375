"""Two hosts, and a program of the user's that begins with the login that was needed last."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fabric
import pytest

from provision.model.host import Host
from provision.transport import ahead
from provision.transport.session import Session
from tests.kit.box import quiet
from tests.kit.fab import write_hosts
from tests.kit.ssh_server import PORT, Server, known_to

_OURS = f"127.12.{os.getpid() // 256 % 256}.{os.getpid() % 256}"
HERE, THERE = _OURS, _OURS.replace("127.12.", "127.13.")
"""Other addresses in each process of tests."""


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Server, Server]]:
    """Two hosts that the user knows, of a project in a folder of its own."""
    here, there = Server("here"), Server("there")
    known_to(tmp_path, {HERE: here, THERE: there})
    write_hosts(tmp_path, "here", address=HERE, port=PORT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GPURIG_SSH_KEY", "GPURIG_HOSTS", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    new_program(monkeypatch)
    with here.at(HERE), there.at(THERE):
        yield here, there


def new_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a program knows of itself."""
    monkeypatch.setattr(ahead, "_begun", [])
    monkeypatch.setattr(ahead, "_remembered", [])


def session(folder: Path, address: str = HERE, **options: Any) -> Session:
    own = {"key_filename": [str(folder / ".ssh" / "id_ecdsa")], "allow_agent": False, **options}
    host = Host(name="box", address=address, user="root", port=PORT)
    return Session(host, fabric.Config(overrides={"connect_kwargs": own}), tell=quiet)


def says(made: Session) -> str:
    """Return which server did what it was asked."""
    with made:
        return made.root("hello")[1].split()[0]


def begun(words: tuple[str, ...] = ("setup-base",)) -> int:
    """Begin a command; returns how many logins that began."""
    ahead.begin(words)()
    return len(ahead._begun)


@pytest.fixture
def before(servers: tuple[Server, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Server, Server]:
    """The same, after a command that went to the first of them."""
    assert begun() == 0
    assert says(session(tmp_path)) == "here"
    new_program(monkeypatch)
    return servers
