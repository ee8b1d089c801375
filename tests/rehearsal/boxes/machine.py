"""An instance as its owner sees it, for tests: launch one, run commands in it, knock at its ports."""

from __future__ import annotations

import functools
import itertools
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko
import pytest

from rehearsal.boxes import why_not
from rehearsal.hypervisor import InstanceSpec, Rule

if TYPE_CHECKING:
    from rehearsal.boxes import Boxes

IMAGE = "ami-0a220000020260901"
USER_DATA = b"#cloud-config\nwrite_files:\n- path: /etc/greeting\n  content: from user-data\n"
numbers = itertools.count(1)


@functools.cache
def _lack() -> str | None:
    return why_not()


def need_boxes() -> None:
    """Skip the test where this machine cannot run boxes."""
    if reason := _lack():
        pytest.skip(reason)


@dataclass
class Machine:
    """A launched instance as its owner sees it: by id, address, key and console."""

    room: Boxes
    instance_id: str
    address: str
    key: paramiko.PKey

    def host_keys(self) -> paramiko.HostKeys:
        """Read the host keys that the console shows, as one would from EC2."""
        _, _, shown = self.room.console(self.instance_id).partition("-----BEGIN SSH HOST KEY KEYS-----\n")
        lines, end, _ = shown.partition("-----END SSH HOST KEY KEYS-----")
        keys = paramiko.HostKeys()
        for line in lines.splitlines() if end else []:
            entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{self.address} {line}")
            assert entry is not None
            assert entry.key is not None
            keys.add(self.address, entry.key.get_name(), entry.key)
        return keys

    def connect(self, seconds: float = 30) -> paramiko.SSHClient:
        """Return a client that took no other host key than the console's."""
        deadline = time.monotonic() + seconds
        while True:
            client = paramiko.SSHClient()
            client.get_host_keys().update(self.host_keys())
            try:
                client.connect(self.address, username="ubuntu", pkey=self.key, timeout=2, allow_agent=False)
            except (OSError, paramiko.SSHException):
                client.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return client

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell command line in the box and return what it printed."""
        with self.connect() as client:
            _, output, errors = client.exec_command(command, timeout=120)
            text, status = output.read().decode(), output.channel.recv_exit_status()
            assert status == 0 or not check, f"{command}: exit {status}: {errors.read().decode()}"
            return text.strip()

    def answers(self, port: int) -> bool:
        """Tell whether a connection from this machine, the caller, gets through."""
        try:
            socket.create_connection((self.address, port), timeout=1).close()
        except TimeoutError:
            return False
        return True

    def answers_a_visitor(self, port: int) -> bool:
        """Tell whether a connection from somebody else gets through; a refusal would be an answer too."""
        knock = f"import socket; socket.create_connection(('{self.address}', {port}), 1)"
        command = ["ip", "netns", "exec", self.room.visitor_namespace(), "python3", "-c", knock]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "TimeoutError" in done.stderr, done.stderr
        return done.returncode == 0


def open_port(port: int, *sources: str) -> tuple[Rule, ...]:
    return tuple(Rule(protocol="tcp", first=port, last=port, cidr=source) for source in sources)


def launch(room: Boxes, user_data: bytes = USER_DATA) -> Machine:
    """Boot an instance whose port 22 is open to the caller alone."""
    key = paramiko.ECDSAKey.generate()
    number = next(numbers)
    machine = Machine(room, f"i-{number:017x}", room.allocate_address(), key)
    spec = InstanceSpec(
        instance_id=machine.instance_id,
        image_id=IMAGE,
        instance_type="g6.xlarge",
        public_ip=machine.address,
        private_ip=f"10.20.0.{number + 10}",
        user_data=user_data,
        public_keys=(f"{key.get_name()} {key.get_base64()}",),
        rules=open_port(22, f"{room.facts()['caller']}/32"),
    )
    room.launch(spec)
    return machine
