"""A box that says nothing: whoever only looks is told so soon, and does not wait for a boot that will not come."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.model.errors import UntrustedHost
from provision.model.host import Host
from provision.tasks import load
from provision.tasks.names import Names
from provision.transport import host_keys, whereabouts
from provision.transport.session import Session
from tests.kit.fab import FAB
from tests.kit.power import Rig, rig
from tests.kit.ssh_server import PORT

LOOKS = (("status",), ("status", "--json"), ("ps",), ("logs",), ("plan", "base"), ("timeline",), ("volume-status",))
"""The last one asks EC2 first, for a volume that the box of this test does not have."""
MINUTE = 60
"""What docs/status.md promises. Beside it stands the start of seven programs on a machine with other work."""


def test_every_verb_that_only_looks_says_so() -> None:
    looking = {name for name in Names().files if load("verbs", Names().files[name]).declared.looks}
    assert looking == {words[0] for words in LOOKS} | {"watch", "fetch"}


def test_the_console_of_a_box_is_looked_at_and_not_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(host_keys, "LOOK", 0.1)
    monkeypatch.setattr(host_keys, "_console", lambda _: "")
    monkeypatch.setattr(whereabouts, "look_up", lambda host, _: host)
    monkeypatch.setattr(host_keys, "pinned", lambda _: [])
    host = Host(name="box", address="127.0.0.1", instance_id="i-0a1", region="us-east-1")
    with Session(host, tell=lambda _: None, waits=False) as session, pytest.raises(UntrustedHost) as told:
        _ = session.connection
    assert "after 0.1 s" in told.value.what
    assert "`fab setup` waits for that" in told.value.hint


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Rig]:
    """A stack in a cloud without boxes."""
    with rig(tmp_path) as made:
        yield made


@pytest.mark.life
@pytest.mark.parametrize("pinned", [True, False], ids=["its key is pinned", "its console says nothing"])
def test_who_looks_at_a_box_that_never_answers_is_told_so_within_a_minute(lab: Rig, pinned: bool) -> None:
    box = lab.launch()
    if pinned:
        lab.fab("ssh", "--command", "hello")
    else:
        lab.wired.hypervisor.console = lambda _: ""  # type: ignore[method-assign, assignment]
    lab.close()
    with socket.create_server((box.recorded, PORT), backlog=64):  # takes connections, and never says a word
        began = time.monotonic()
        command = {"cwd": lab.folder, "env": lab.env(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        asked = [subprocess.Popen([*FAB, *words], text=True, **command) for words in LOOKS[:-1]]  # type: ignore[call-overload]
        said = [process.communicate(timeout=3 * MINUTE)[1] for process in asked]
        took = time.monotonic() - began
    assert took < 2 * MINUTE, said
    for words, process, text in zip(LOOKS[:-1], asked, said, strict=True):
        assert process.returncode == (4 if pinned else 5), (words, text)
        assert ("does not answer on port" if pinned else "no host key of box") in text
