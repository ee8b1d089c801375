"""`fab` as a user types it, against a real box: the tunnel, an upload, and a host named by an ssh_config alias."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.model.errors import GpurigError
from provision.screen.progress import PlainView
from provision.tasks.setting_up import _send
from provision.transport.session import Session
from tests.kit.box import Machine, quiet, run
from tests.kit.fab import FAB, fab_ends
from tests.kit.wait import until

PORT = 5017
"""A port of the box that nothing else of these tests uses."""


def free_port() -> int:
    """Return a port of this machine that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def tunnel(address: str, said: Path, port: int = PORT) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `fab tunnel` until it says that it listens; standard error goes to `said`."""
    local = free_port()
    command = [*FAB, "-H", address, "tunnel", "--port", str(port), "--local", str(local)]
    with said.open("w") as errors:
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert program.stdout is not None
        assert f"127.0.0.1:{local} is port {port}" in program.stdout.readline(), said.read_text()
        yield program, local
    finally:
        program.kill()
        program.communicate()


def get(port: int) -> bytes:
    """Return what a plain request to a port of this machine gets, until the other side has ended."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        with contextlib.suppress(OSError):  # of a port behind which nobody listens, the other side has ended it already
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(65536):
                answer += data
        return answer


def test_a_tunnel_survives_refused_connections_and_ends_on_ctrl_c(machine: Machine, home: Path) -> None:
    said = home / "said"
    with tunnel(f"ubuntu@{machine.host.address}", said) as (program, local):
        assert get(local) == b""
        assert get(local) == b""
        run(machine, f"systemd-run --unit=tunnelled python3 -m http.server {PORT} --directory /etc/ssh")
        try:
            answer = until(lambda: get(local))
            assert b"200 OK" in answer
            assert b"sshd_config" in answer
            big = urllib.request.urlopen(f"http://127.0.0.1:{local}/moduli", timeout=60).read()
            assert len(big) == int(run(machine, "stat -c %s /etc/ssh/moduli"))
        finally:
            run(machine, "systemctl stop tunnelled")
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
    assert said.read_text().count("takes no connection") == 1
    assert "Traceback" not in said.read_text()


def test_the_tunnel_to_digits_ends_at_the_door_where_there_is_one(machine: Machine, home: Path) -> None:
    serve = (
        "cd $(mktemp -d) && echo {0} >index.html && systemd-run --unit={1} -d python3 -m http.server -b 127.0.0.1 {0}"
    )
    for port, unit in ((5000, "bare"), (5002, "gpurig-door")):
        run(machine, serve.format(port, unit))
    address = f"ubuntu@{machine.host.address}"
    try:
        for port in (5000, 5001):
            with tunnel(address, home / "said", port) as (_, local):
                assert until(lambda local=local: get(local)).endswith(b"5002\n")  # type: ignore[misc]
        run(machine, "systemctl stop gpurig-door")
        with tunnel(address, home / "said", 5000) as (_, local):
            assert get(local).endswith(b"5000\n")
    finally:
        run(machine, "systemctl stop bare gpurig-door || true")


def test_a_host_without_a_door_gets_no_password(machine: Machine, home: Path) -> None:
    said = fab_ends(2, "-H", f"ubuntu@{machine.host.address}", "password", cwd=home)
    assert "has no door" in said.stderr
    assert "fab setup-digits" in said.stderr
    assert not run(machine, "ls -A /home/ubuntu | grep gpurig-login || true")


class Cable:
    """A way to the box's SSH port for one connection, which can be cut."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.ends: list[socket.socket] = []
        threading.Thread(target=self._carry, daemon=True).start()

    def _carry(self) -> None:
        near, _ = self.listener.accept()
        far = socket.create_connection((self.address, 22))
        self.ends = [near, far]
        for source, goal in ((near, far), (far, near)):
            threading.Thread(target=self._copy, args=(source, goal), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, goal: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                goal.sendall(data)

    def cut(self) -> None:
        """End the connection at both ends."""
        for end in self.ends:
            end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.listener.close()


def test_a_tunnel_whose_connection_is_lost_ends_with_an_error(machine: Machine, home: Path) -> None:
    said = home / "said"
    cable = Cable(machine.host.address)
    known = home / ".ssh" / "known_hosts"
    known.write_text(known.read_text().replace(machine.host.address, f"[127.0.0.1]:{cable.port}"))
    with tunnel(f"ubuntu@127.0.0.1:{cable.port}", said) as (program, _):
        cable.cut()
        assert program.wait(60) == 4
    assert "was lost" in said.read_text()


def test_an_alias_of_ssh_config_brings_its_proxy_command(machine: Machine, home: Path) -> None:
    (home / ".ssh" / "config").write_text(
        f"Host rig\n  HostName {machine.host.address}\n  User ubuntu\n"
        f"  ProxyCommand {sys.executable} {home}/proxy.py %h %p\n"
    )
    (home / "proxy.py").write_text("import pathlib, sys\npathlib.Path('came-by').write_text(sys.argv[1])\n")
    # The proxy hangs up: what counts is that it was asked, for the machine behind the alias.
    assert "rig does not answer" in fab_ends(4, "-H", "rig", "status").stderr
    assert (home / "came-by").read_text() == machine.host.address


def test_an_upload_is_alone_and_belongs_to_root(machine: Machine, tmp_path: Path) -> None:
    for name in ("it's cudnn.tgz", "cudnn-8.tar.xz"):
        (tmp_path / name).write_text(name)
        with Session(machine.host, tell=quiet) as session:
            _send(session, "cudnn", tmp_path / name, PlainView())
    listed = run(machine, "cd /var/lib/gpurig/uploads && stat -c '%n %U %a' cudnn.* && cat cudnn.*")
    assert listed == "cudnn.tar.xz root 600\ncudnn-8.tar.xz"
    assert run(machine, "ls -A ~ubuntu | grep -c gpurig-upload || true") == "0\n"
    run(machine, "rm -r /var/lib/gpurig/uploads")


def test_an_upload_that_cannot_be_written_is_a_clear_error(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "cudnn.tgz").write_text("x")
    run(machine, "mkdir ~ubuntu/.gpurig-upload-cudnn")
    try:
        with Session(machine.host, tell=quiet) as session, pytest.raises(GpurigError, match="did not arrive on box"):
            _send(session, "cudnn", tmp_path / "cudnn.tgz", PlainView())
    finally:
        run(machine, "rmdir ~ubuntu/.gpurig-upload-cudnn")
