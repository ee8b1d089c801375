"""Two boxes that are a cluster of Ray, seen by what its head answers."""

from __future__ import annotations

import json
from typing import Any

from rehearsal.errors import RehearsalError
from rehearsal.user import User
from tests.kit.wait import until
from tests.life.fleet import NAMES

HEAD, WORKER = NAMES
UNIT = "gpurig-ray.service"
BACK = 600
"""Seconds in which what went away has to be there again: boot, and Ray's own start on a busy machine."""

SCRIPT = """\
import os
import sys
import time
import ray
import beside

ray.init(log_to_driver=False)


@ray.remote(scheduling_strategy="SPREAD")
def where():
    time.sleep(2)
    return f"{ray.util.get_node_ip_address()} {beside.WORD}"


seen = sorted(set(ray.get([where.remote() for _ in range(8)])))
with open(os.environ["GPURIG_RESULTS"] + "/where", "w") as file:
    file.write("\\n".join(seen))
print("letters", len(os.environ["SECRET"]))
sys.exit(int(sys.argv[1]))
"""


WAITS = """\
import time
import ray

ray.init(log_to_driver=False)


@ray.remote
def nap():
    time.sleep(600)


ray.get(nap.remote())
"""


def api(user: User, path: str) -> Any:
    """Return what Ray's head answers, to who has the token."""
    token = 'H="Authorization: Bearer $(cat /var/lib/gpurig-ray/token)"'
    return json.loads(user.on_box(f'{token}; curl -fsS -H "$H" http://127.0.0.1:8265{path}', limit=HEAD))


def alive(user: User) -> set[str]:
    """Return the addresses of the nodes that the head counts as there."""
    nodes = api(user, "/api/v0/nodes?limit=100&timeout=30")["data"]["result"]["result"]
    return {node["node_ip"] for node in nodes if node["state"] == "ALIVE"}


def inner(user: User) -> set[str]:
    """Return the boxes' private addresses."""
    return {row["innerAddress"] for row in user.hosts()}


def both_there(user: User) -> None:
    """Wait until both boxes are in the cluster: a head that is away answers nothing."""

    def there() -> bool:
        words = f"systemctl is-active {UNIT}"
        try:
            return "inactive" not in user.on_box(words, limit=HEAD) and alive(user) == inner(user)
        except (RehearsalError, ValueError):
            return False

    until(there, BACK, pause=3)


def states(user: User) -> dict[str, str]:
    """Return the state of each job by its run's name."""
    return {job["metadata"]["name"]: job["status"] for job in api(user, "/api/jobs/")}
