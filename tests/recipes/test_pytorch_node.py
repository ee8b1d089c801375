"""The hosts of a training meet, begin together and end together: the recipe's own program, in a process for each host.

PyTorch is a stand-in that says what torchrun was given, and runs the script with it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.catalogue.folders import TEMPLATES
from provision.work import together
from tests.kit.wait import until

PROGRAM = TEMPLATES / "recipes" / "pytorch" / "node.py"
NAMES = ["box", "box-2", "box-3"]
ADDRESSES = ["127.0.7.1", "127.0.7.2", "127.0.7.3"]
QUICK = """\
import sys
sys.path.insert(0, {folder!r})
import hub
hub.BEAT, hub.SILENCE, hub.JOIN, hub.LOOK = 0.1, {silence}, {join}, 0.02
import node
node.KILL = 0.5
sys.exit(node.main())
"""
"""The program with less patience; as it is, it waits for minutes."""
TORCHRUN = """\
import json, os, pathlib, subprocess, sys
words = sys.argv[1:]
cut = words.index("--master-port") + 2
given = dict(zip(words[0:cut:2], words[1:cut:2]))
seen = {name: os.environ.get(name) for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "GPURIG_TOGETHER")}
pathlib.Path("given-" + given["--node-rank"]).write_text(json.dumps([given, seen, words[cut:]]))
os.execv(sys.executable, [sys.executable, *words[cut:]])
"""
SCRIPT = """\
import os, pathlib, sys, time
how = sys.argv[1:]
while "fail" in how and not pathlib.Path("go").exists():
    time.sleep(0.02)
if "fail" in how: sys.exit(7)
time.sleep(60 if "long" in how else 0)
"""


def words_for(name: str, rank: int) -> list[str]:
    """Return the script's words of a host: what only one does."""
    return [name] if name != "fail" or rank == 1 else ["long"]


class Lab:
    """Some hosts in a folder, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 3
        stub = folder / "stub"
        for name, text in {
            "torch/__init__.py": "class cuda:\n    device_count = staticmethod(lambda: 0)\n",
            "torch/distributed/__init__.py": "",
            "torch/distributed/run.py": TORCHRUN,
            "torch-9.8.7.dist-info/METADATA": "Metadata-Version: 2.1\nName: torch\nVersion: 9.8.7\n",
        }.items():
            (stub / name).parent.mkdir(parents=True, exist_ok=True)
            (stub / name).write_text(text)
        (folder / "train.py").write_text(SCRIPT)
        with socket.create_server((ADDRESSES[0], 0)) as free:
            self.port = free.getsockname()[1]
        self.processes: dict[int, subprocess.Popen[str]] = {}

    def call(self, *words: str, silence: float = 5, join: float = 30, known_by: str = "me") -> subprocess.Popen[str]:
        """Call the program."""
        code = QUICK.format(folder=str(PROGRAM.parent), silence=silence, join=join)
        env = {**os.environ, "PYTHONPATH": str(self.folder / "stub"), together.TOKEN: known_by}
        env.pop("GLOO_SOCKET_IFNAME", None)
        return subprocess.Popen(
            [sys.executable, "-c", code, *words],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def start(self, how: str, ranks: tuple[int, ...] = (0, 1, 2), silence: float = 5, join: float = 30) -> None:
        """Start the parts of some hosts."""
        for rank in ranks:
            plan = {"rank": rank, "names": NAMES, "addresses": ADDRESSES, "port": self.port}
            words = ["run", json.dumps(plan), "train.py", *words_for(how, rank)]
            self.processes[rank] = self.call(*words, silence=silence, join=join)

    def given(self, rank: int) -> list[object]:
        """Return what torchrun was given on a host, as soon as it was."""
        file = self.folder / f"given-{rank}"
        found: list[object] = json.loads(until(lambda: file.exists() and file.read_text()) or "")
        return found

    def train(self, how: str, silence: float = 5) -> None:
        """Start all, and wait until each has begun."""
        self.start(how, silence=silence)
        for rank in range(3):
            self.given(rank)

    def ends(self, rank: int) -> tuple[int, str]:
        """Return how a host's part has ended, and its last line."""
        said, _ = self.processes[rank].communicate(timeout=60)
        return self.processes[rank].returncode, said.strip().splitlines()[-1] if said.strip() else ""

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self.processes.values():
            for number in (signal.SIGCONT, signal.SIGKILL):
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    break
            process.communicate()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path)
    yield made
    made.close()


def test_all_begin_with_the_same_meeting_place_and_end_well(lab: Lab) -> None:
    lab.start("well")
    assert [lab.ends(rank)[0] for rank in range(3)] == [0, 0, 0]
    given, seen, words = zip(*(lab.given(rank) for rank in range(3)), strict=True)
    assert words == (["train.py", "well"],) * 3
    assert [one["--node-rank"] for one in given] == ["0", "1", "2"]
    assert [one["--local-addr"] for one in given] == ADDRESSES
    same = {name: {one[name] for one in given} for name in ("--nnodes", "--nproc-per-node", "--master-addr")}
    assert same == {"--nnodes": {"3"}, "--nproc-per-node": {"1"}, "--master-addr": {ADDRESSES[0]}}
    assert len({one["--master-port"] for one in given}) == 1
    # By their names Debian's hosts find themselves at 127.0.1.1; who hears the token could end the training.
    assert seen == ({"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo", together.TOKEN: None},) * 3


def test_one_that_fails_ends_the_others_and_its_code_stays(lab: Lab) -> None:
    lab.train("fail")
    (lab.folder / "go").touch()
    why = "gpurig: box-2 ended with exit code 7: all hosts of this training end"
    assert [lab.ends(rank) for rank in range(3)] == [(1, why), (7, why), (1, why)]


@pytest.mark.parametrize(
    ("rank", "number", "why"),
    [
        (2, signal.SIGTERM, "box-3 was asked to end"),
        pytest.param(0, signal.SIGTERM, "box was asked to end", marks=pytest.mark.life),
        pytest.param(2, signal.SIGKILL, "box-3 is not heard any more", marks=pytest.mark.life),
        (0, signal.SIGKILL, "box is not heard any more"),
    ],
)
def test_one_that_is_ended_or_gone_ends_the_others(lab: Lab, rank: int, number: signal.Signals, why: str) -> None:
    lab.train("long")
    os.killpg(lab.processes[rank].pid, number)  # as systemd does
    others = [lab.ends(other) for other in range(3) if other != rank]
    assert others == [(1, f"gpurig: {why}: all hosts of this training end")] * 2
    code, said = lab.ends(rank)
    assert code == (143 if number == signal.SIGTERM else -9)
    assert why in said or number == signal.SIGKILL


@pytest.mark.life
@pytest.mark.parametrize("rank", [0, 2])
def test_one_whose_power_is_gone_says_no_word_and_is_missed(lab: Lab, rank: int) -> None:
    lab.train("long", silence=2)
    os.killpg(lab.processes[rank].pid, signal.SIGSTOP)
    why = f"gpurig: {NAMES[rank]} is not heard any more: all hosts of this training end"
    assert [lab.ends(other) for other in range(3) if other != rank] == [(1, why)] * 2


@pytest.mark.life
def test_one_that_never_comes_is_named_and_nobody_waits_for_ever(lab: Lab) -> None:
    lab.start("well", (0, 1), join=8)
    why = "gpurig: box-3 did not come within 8 s: all hosts of this training end"
    assert [lab.ends(rank) for rank in (0, 1)] == [(1, why)] * 2
    assert not list(lab.folder.glob("given-*"))


def test_who_does_not_know_the_token_is_nobody(lab: Lab) -> None:
    lab.start("long", (0, 1), join=20)
    plan = {"rank": 2, "names": NAMES, "addresses": ADDRESSES, "port": lab.port}
    for bad in (b"\n", b"[]\n", b'{"token": 1}\n', b'{"token": "me", "rank": 9}\n', b"x" * 9000 + b"\n", b""):
        there = until(lambda: socket.socket())  # noqa: PLW0108 - a new one each
        until(lambda: there.connect_ex((ADDRESSES[0], lab.port)) == 0)  # noqa: B023
        there.sendall(bad)
        there.close()
    stranger = lab.call("run", json.dumps(plan), "train.py", known_by="a guess")
    said, _ = stranger.communicate(timeout=60)
    assert stranger.returncode == 1
    assert "box is not heard any more" in said
    assert not list(lab.folder.glob("given-*"))
    lab.start("well", (2,))
    lab.given(2)


def test_a_port_that_somebody_has_is_named(lab: Lab) -> None:
    with socket.create_server((ADDRESSES[0], lab.port)):
        lab.start("well", (0,))
        assert lab.ends(0) == (
            1,
            f"gpurig: port {lab.port} of {ADDRESSES[0]}, where the others would come: Address already in use",
        )


def test_a_host_says_what_it_has_and_all_that_is_wrong(lab: Lab) -> None:
    def look(*words: str) -> dict[str, object]:
        said, _ = lab.call("look", *words).communicate(timeout=60)
        found: dict[str, object] = json.loads(said)
        return found

    good = look(*ADDRESSES[:2], str(lab.folder / "train.py"))
    assert (good["torch"], good["wrong"]) == ("9.8.7", [])
    assert isinstance(good["port"], int)
    assert look(*ADDRESSES[:2], "")["wrong"] == []
    assert look("192.0.2.1", "255.255.255.255", "/no/train.py")["wrong"] == [
        "it cannot listen at 192.0.2.1: Cannot assign requested address",
        "it does not reach 255.255.255.255: Network is unreachable",
        "there is no /no/train.py; `fab sync` sends a folder",
    ]
