"""What many hosts take of the laptop and of AWS: files that come back, known_hosts read once, consoles looked at."""

from __future__ import annotations

import base64
import gc
import subprocess
import sys
import threading
from pathlib import Path

import fabric
import paramiko
import pytest

from provision.model.errors import GpurigError
from provision.model.host import Host
from provision.transport import host_keys, known_hosts
from provision.transport.connection import Connection
from tests.kit.fab import FAB, ROOT, clean_environment, write_hosts
from tests.kit.many import ADDRESS, at_once, home, host, server, visit
from tests.kit.ssh_server import PORT, Server
from tests.kit.wait import until

__all__ = ["home", "server"]


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


def test_what_goes_through_a_proxy_command_closes_too(home: Path) -> None:
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text(f"Host {ADDRESS}\n  ProxyCommand true\n")
    made = Connection(host(), fabric.Config(user_ssh_path=str(home / ".ssh" / "config")))
    assert made.gateway == "true"
    made.close()


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


def test_a_key_that_is_cut_short_is_none(home: Path) -> None:
    (home / ".ssh").mkdir(parents=True)
    kinds = {"ssh-ed25519": 51, "ssh-rsa": 279, "ecdsa-sha2-nistp256": 104}
    """Of each kind: how many bytes a whole one has; of these, the name and zeros are here."""
    lines = []
    for kind, most in kinds.items():
        name = len(kind).to_bytes(4, "big") + kind.encode()
        for size in range(len(name), most, 3):
            body = (name + bytes([0, 0, 0, 20]) + bytes(most))[:size]
            lines.append(f"{kind} {base64.b64encode(body).decode()}")
    whole = Server("whole")
    (home / ".ssh" / "known_hosts").write_text("".join(f"192.0.2.9 {line}\n" for line in lines))
    client = paramiko.SSHClient()
    list(known_hosts.entries("192.0.2.9"))
    known_hosts.trust(client, "192.0.2.9", [*lines, whole.known_at("192.0.2.9").partition(" ")[2]])
    found = client.get_host_keys().lookup("192.0.2.9")
    assert found is not None
    assert found[whole.key.get_name()] == whole.key


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
