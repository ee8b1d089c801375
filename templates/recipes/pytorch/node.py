"""One host's part of a training on several: what is there for it, and torchrun, which ends where another host does.

`fab run --all-hosts --with pytorch` calls it on every host, as the account, by the Python of PyTorch.

    node.py look ADDRESS OTHER SCRIPT    what is here, as JSON; ADDRESS: its own, OTHER: another host's; SCRIPT: or ""
    node.py run PLAN WORD...             host number `rank` of PLAN, in JSON; the words are torchrun's
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hub
from hub import Gone, Hub, Wire, free_port

if TYPE_CHECKING:
    from types import FrameType

KILL = 40.0
"""Seconds for torchrun to end, which gives its own processes 30 of them."""
KNOWN_BY = "GPURIG_TOGETHER"
"""Where the token is by which the hosts of one training know each other: in the environment, for nobody else to read.
"""
PROBED, PATIENCE = 65535, 10.0
"""A port of another host that says whether it can be reached, and for how long it is waited for, in seconds."""
GPUS = "import torch; print(torch.cuda.device_count() or 1)"
ENDED = 128 + signal.SIGTERM


class Part:
    """What one host does."""

    def __init__(self, plan: dict[str, Any], words: list[str], token: str) -> None:
        self.names, self.addresses, self.rank = plan["names"], plan["addresses"], int(plan["rank"])
        self.meeting, self.words, self.token = int(plan["port"]), words, token
        self.own, self.first = self.addresses[self.rank], self.addresses[0]
        self.port = 0
        """The first host's, for torchrun; 0: not all are there yet."""
        self.done = self.over = False
        """Whether this host has done its part, and whether all have."""
        self.stop = ""
        """Why this host is to end; "": it is not."""
        self.asked = False
        """Whether it was asked to, itself."""
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked, self.stop = True, self.stop or f"{self.names[self.rank]} was asked to end"

    def work(self) -> int:
        """Join the others, train, and return the exit code once all have ended, or have to."""
        wire = self._join()
        code = self._train() if wire else 1
        self.done = not code
        if wire:
            wire.send(end=ENDED if self.asked else code, **({"why": "was asked to end"} if self.asked else {}))
        # What fails here may have failed elsewhere first.
        until = time.monotonic() + 10 * hub.LOOK
        while not (self.stop or self.over) and (self.done or time.monotonic() < until):
            time.sleep(hub.LOOK)
        if self.stop:
            say(f"{self.stop}: all hosts of this training end")
        return ENDED if self.asked else code or int(bool(self.stop))

    def _join(self) -> Wire | None:
        """Return the connection with the first host; None where there is none in time."""
        deadline = time.monotonic() + hub.JOIN
        while time.monotonic() < deadline and not self.stop:
            with contextlib.suppress(OSError):
                wire = Wire(socket.create_connection((self.first, self.meeting), hub.SILENCE))
                wire.send(token=self.token, rank=self.rank)
                threading.Thread(target=self._listen, args=(wire,), daemon=True).start()
                return wire
            time.sleep(hub.LOOK)
        self.stop = self.stop or f"{self.names[0]} does not answer at {self.first}, port {self.meeting}"
        return None

    def _listen(self, wire: Wire) -> None:
        try:
            for message in wire.hear():
                self.port = message.get("go", self.port)
                self.over = message.get("over", self.over)
                self.stop = self.stop or message.get("stop", "")
        except Gone:
            self.over = self.done
            self.stop = self.stop or ("" if self.over else f"{self.names[0]} is not heard any more")

    def _train(self) -> int:
        """Run torchrun once all are there, until it ends or is to; returns its exit code."""
        # Whether PyTorch begins is found out while the others come.
        asked = subprocess.run([sys.executable, "-c", GPUS], capture_output=True, text=True, check=False)
        if asked.returncode:
            say(f"PyTorch does not begin: {asked.stderr.strip()[-2000:]}")
            return 1
        while not (self.port or self.stop):
            time.sleep(hub.LOOK)
        if self.stop:
            return 1
        torchrun = self._torchrun(asked.stdout.split()[-1])
        while torchrun.poll() is None and not self.stop:
            time.sleep(hub.LOOK)
        if torchrun.poll() is None:
            torchrun.terminate()
            try:
                torchrun.wait(KILL)
            except subprocess.TimeoutExpired:
                torchrun.kill()
            return 1
        return torchrun.returncode if torchrun.returncode >= 0 else 128 - torchrun.returncode

    def _torchrun(self, processes: str) -> subprocess.Popen[bytes]:
        count = len(self.names)
        say(f"host {self.rank + 1} of {count}, {processes} process{'es' * (processes != '1')}, at {self.own}")
        words = [sys.executable, "-m", "torch.distributed.run", "--nnodes", str(count), "--node-rank", str(self.rank)]
        words += ["--nproc-per-node", processes, "--local-addr", self.own]
        words += ["--master-addr", self.first, "--master-port", str(self.port), *self.words]
        device = device_to(self.addresses[0 if self.rank else -1])
        # By its name a Debian host finds itself at 127.0.1.1, and tells the others so. What the user says goes first.
        return subprocess.Popen(words, env={"GLOO_SOCKET_IFNAME": device, "NCCL_SOCKET_IFNAME": device, **os.environ})


def say(text: str) -> None:
    """Say something among what the training says."""
    print(f"gpurig: {text}", flush=True)


def device_to(address: str) -> str:
    """Return the network device by which this host reaches an address; "" where it does not."""
    done = subprocess.run(["ip", "-o", "route", "get", address], capture_output=True, text=True, check=False)
    words = done.stdout.split()
    return words[words.index("dev") + 1] if "dev" in words else ""


def first_address(device: str) -> str:
    """Return the address of a network device that gloo and NCCL take: its first one."""
    done = subprocess.run(
        ["ip", "-o", "-4", "addr", "show", "dev", device], capture_output=True, text=True, check=False
    )
    return next((line.split()[3].partition("/")[0] for line in done.stdout.splitlines()), "")


def unreached(address: str) -> str:
    """Return why this host does not reach another one; "" where it does: there, nobody listens, and that is told."""
    try:
        socket.create_connection((address, PROBED), PATIENCE).close()
    except ConnectionRefusedError:
        return ""
    except TimeoutError:
        return f"nothing answers on TCP port {PROBED}; are all ports from 1024 on open between the hosts?"
    except OSError as error:
        return os.strerror(error.errno)
    return ""


def look(address: str, other: str, script: str) -> dict[str, Any]:
    """Return what is here for a training, and what is wrong."""
    wrong, port = [], 0
    try:
        port = free_port(address)
    except OSError as error:
        wrong.append(f"it cannot listen at {address}: {os.strerror(error.errno)}")
    device = device_to(other)
    if port and device not in ("", "lo") and (first := first_address(device)) != address:
        takes = f"gloo and NCCL take {first}, the first address of {device}"
        wrong.append(f'{takes}, and not {address}; say inner = "{first}", if the others reach that')
    if why := unreached(other):
        wrong.append(f"it does not reach {other}: {why}")
    if script and not Path(script).expanduser().is_file():
        wrong.append(f"there is no {script}; `fab sync` sends a folder")
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return {"torch": importlib.metadata.version("torch"), "gpus": gpus, "port": port, "wrong": wrong}


def run(plan: dict[str, Any], words: list[str]) -> int:
    """Do this host's part. The first host hears of all, and stays until all have been told."""
    part = Part(plan, words, os.environ.pop(KNOWN_BY, ""))
    if part.rank:
        return part.work()
    try:
        heart = Hub(part.names, part.first, part.meeting, part.token)
    except OSError as error:
        say(f"port {part.meeting} of {part.first}, where the others would come: {os.strerror(error.errno)}")
        return 1
    code = part.work()
    heart.over.wait(2 if part.asked else None)
    return code


def main() -> int:
    """Do what was asked."""
    what, *words = sys.argv[1:]
    if what == "look":
        print(json.dumps(look(*words)))
        return 0
    return run(json.loads(words[0]), words[1:])


if __name__ == "__main__":
    sys.exit(main())
