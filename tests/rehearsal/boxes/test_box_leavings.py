"""What a cloud takes from the machine it gives back: at close, and after a kill -9 by `sweep`; others stay as they are.

Each test works in a network namespace of its own, so that it can compare all of it, before and after.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.boxes import roots, sweep
from tests.rehearsal.boxes.machine import need_boxes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.box

OPEN = """
import json, os, signal, sys
from pathlib import Path
from rehearsal.boxes import Boxes, sweep
from rehearsal.errors import RehearsalError
from rehearsal.hypervisor import InstanceSpec

def open_room(folder):
    return Boxes(Path(folder), announce=lambda line: print(line, file=sys.stderr))

def forwards():
    return Path("/proc/sys/net/ipv4/ip_forward").read_text().strip()

def launch(room, instance_id):
    room.launch(InstanceSpec(
        instance_id=instance_id, image_id="ami-0a220000020260901", instance_type="g6.xlarge",
        public_ip=room.allocate_address(), private_ip="10.20.0.9", user_data=b"", public_keys=(), rules=()))
"""


class Ground:
    """A network namespace of this machine, and the state folders of the clouds that run in it."""

    def __init__(self, namespace: str, folder: Path) -> None:
        self._namespace, self.folder = namespace, folder
        self._tags: set[str] = set()

    def shell(self, command: str) -> str:
        # Not `ip netns exec`, which would hide /sys/fs/cgroup.
        words = ["nsenter", f"--net=/run/netns/{self._namespace}", "sh", "-c", command]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    def python(self, script: str, *, status: int = 0) -> Any:
        """Run a script that starts with `OPEN`, in the folder, and return the JSON that it printed."""
        words = [
            "nsenter",
            f"--net=/run/netns/{self._namespace}",
            sys.executable,
            "-c",
            OPEN + script,
            str(self.folder),
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def taken(self) -> dict[str, str]:
        """List what a cloud could leave behind: all of this namespace, and what elsewhere names the state folders."""
        folder = str(self.folder)
        return {
            "links": self.shell("ip -brief link"),
            "routes": self.shell("ip route"),
            "rules": self.shell("nft list ruleset"),
            "forwarding": self.shell("cat /proc/sys/net/ipv4/ip_forward"),
            "namespaces": "".join(sorted(self._tagged("/run/netns"))),
            "cgroups": "".join(sorted(self._tagged("/sys/fs/cgroup"))),
            "loops": "".join(line for line in self.shell("losetup --list").splitlines() if folder in line),
            "mounts": "".join(line for line in self.shell("cat /proc/self/mountinfo").splitlines() if folder in line),
            "processes": "".join(self._processes()),
            "boxes": "".join(str(path) for path in self.folder.glob("*/boxes/i-*")),
        }

    def _tagged(self, folder: str) -> list[str]:
        """Return what under `folder` is named after a cloud whose ledger is, or was, in our state folders."""
        tags = tuple(self._find_tags())
        # Not `rglob`, which ends where a folder goes meanwhile: a box that boots makes and removes groups.
        found = ((place, name) for place, *names in os.walk(folder) for name in itertools.chain(*names))
        return [f"{place}/{name}" for place, name in found if name.startswith(tags)]

    def _processes(self) -> list[str]:
        words = subprocess.run(["ps", "-eww", "-o", "args="], check=True, capture_output=True, text=True).stdout.split()
        return [word for word in words for tag in self._find_tags() if word.startswith(f"--machine={tag}")]

    def _find_tags(self) -> set[str]:
        for ledger in self.folder.glob("*/boxes/taken.json"):
            self._tags |= {name for kind, name in json.loads(ledger.read_text()) if kind == "opening"}
        return self._tags


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Yield a fresh network namespace."""
    need_boxes()
    roots.ensure(roots.DEFAULT, print)  # out here: the namespace has no way to the archive
    namespace = f"test-{tmp_path.name[-12:]}-{tmp_path.parent.name[-6:]}"
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    ground = Ground(namespace, tmp_path)
    ground.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")  # a new namespace takes after the machine's own
    yield ground
    for state in tmp_path.iterdir():
        sweep(state)
    subprocess.run(["ip", "netns", "delete", namespace], check=True)


def test_sweep_gives_back_all_that_a_killed_cloud_took(ground: Ground) -> None:
    before = ground.taken()
    killed = """
room = open_room(sys.argv[1] + "/killed")
launch(room, "i-0a")
room.create_volume("vol-0a", 1, None)
room.attach("i-0a", "vol-0a")
os.kill(os.getpid(), signal.SIGKILL)
"""
    ground.python(killed, status=-9)
    during = ground.taken()
    assert [name for name in before if before[name] == during[name]] == ["mounts"]  # those are in the box's namespace

    swept = ground.python('print(json.dumps(sweep(Path(sys.argv[1]) / "killed")))')
    assert {line.split()[0] for line in swept} == {"cgroup", "folder", "loop", "namespace", "opening", "table"}
    assert ground.taken() == before
    assert (ground.folder / "killed/volumes/vol-0a.img").stat().st_size == 1 << 30
    assert ground.python('print(json.dumps(sweep(Path(sys.argv[1]) / "killed")))') == []


def test_close_gives_back_all_and_the_next_cloud_sweeps_first(ground: Ground) -> None:
    before = ground.taken()
    ground.python('launch(open_room(sys.argv[1] + "/one"), "i-0a"); os.kill(os.getpid(), signal.SIGKILL)', status=-9)
    again = """
room = open_room(sys.argv[1] + "/one")
launch(room, "i-0a")
room.create_volume("vol-0a", 1, None)
room.attach("i-0a", "vol-0a")
room.close()
"""
    ground.python(again)
    assert ground.taken() == before


def test_clouds_side_by_side_do_not_disturb_each_other(ground: Ground) -> None:
    before = ground.taken()
    script = """
one, two = open_room(sys.argv[1] + "/one"), open_room(sys.argv[1] + "/two")
subnets = {room.facts()["subnet"] for room in (one, two)}
seen = [forwards()]
one.close()
seen.append(forwards())
launch(two, "i-0a")
two.close()
seen.append(forwards())
print(json.dumps([len(subnets), seen]))
"""
    assert ground.python(script) == [2, ["1", "1", "0"]]
    assert ground.taken() == before


def test_forwarding_that_was_on_before_stays_on(ground: Ground) -> None:
    ground.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")
    assert ground.python('open_room(sys.argv[1] + "/one").close(); print(forwards())') == 1


BRIDGE = "ip link add name docker0 type bridge"
ROUTER = (
    "nft 'add table ip router; add chain ip router forward { type filter hook forward priority 0; }; "
    "add rule ip router forward accept'"
)


@pytest.mark.parametrize("others", [BRIDGE, ROUTER], ids=["a bridge", "rules for what passes"])
def test_forwarding_stays_on_where_others_came_to_need_it_and_not_for_those_that_did_without(
    ground: Ground, others: str
) -> None:
    script = f"""
import subprocess
from rehearsal.boxes import forwarding
forwarding.open_to_the_world("gpurig_one", "198.18.9.0/24", "gr012345")
on = forwards()
subprocess.run({others!r} if forwards_later else "true", shell=True, check=True)
forwarding.close_to_the_world("gpurig_one")
print(json.dumps([on, forwards()]))
"""
    assert ground.python("forwards_later = True" + script) == ["1", "1"]
    assert "gpurig" not in ground.shell("nft list tables")
    ground.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")
    assert ground.python("forwards_later = False" + script) == ["1", "0"]


def test_running_cloud_is_neither_swept_nor_doubled(ground: Ground) -> None:
    script = """
folder = sys.argv[1] + "/one"
room = open_room(folder)
refusals = []
for attempt in (lambda: sweep(Path(folder)), lambda: open_room(folder)):
    try:
        attempt()
    except RehearsalError as error:
        refusals.append(str(error))
room.close()
print(json.dumps(refusals))
"""
    refusals = ground.python(script)
    assert refusals == [f"a rehearsal cloud is running in {ground.folder}/one: stop it first"] * 2
