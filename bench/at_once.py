"""Whole setups whose steps go at once, beside the same recipes installed one after the other on a box made like it.

The second box installs each recipe by a command of its own, and the seconds of the steps are added up: connecting and
looking again at what is there do not count. The critical path is the longest way through what waits for what, by the
same seconds. Nothing comes from a job volume; the box with steps at once is the first, so that what caches there are
between here and the archives help the other.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.warm import FORGOTTEN
from provision.catalogue.catalogue import Catalogue
from provision.model.platforms import NO_GPU

if TYPE_CHECKING:
    from rehearsal.user import User

SETUPS = ("digits", "neural-style")
AIM = 1.1
PORT, MEGABYTES, RATE = 8000, 100, 4
"""What stands for VGG-19 comes from a server on the box: so many megabytes, at so many a second."""
LINK = Path(__file__).with_name("slow_link.py")


def measure(user: User) -> dict[str, float]:
    """Return, of each setup, the seconds at once, one after the other and of the critical path, and what they make."""
    user.config("jobVolumeOnDestroy", "delete")
    network = Catalogue().recipes["vgg19"].sources["oxford"]["url"].rpartition("/")[0]
    link = f"http://127.0.0.1:{PORT}"
    user.pulumi("config", "set", "--path", f'gpurig:mirrors.download["{network}"]', link)
    user.pulumi("config", "set", "--path", f"gpurig:unpinned[{len(_unpinned(user))}]", "vgg19")
    _box(user)
    for name in SETUPS:
        user.fab(f"setup-{name}")
    at_once = _lengths(user)
    user.destroy()
    _box(user)
    catalogue = Catalogue()
    orders = {name: _order(catalogue, name) for name in SETUPS}
    for step in dict.fromkeys(step for order in orders.values() for step in order):
        user.fab(f"setup-{step}")
    took = _took(user)
    user.destroy()
    figures: dict[str, float] = {f"{step}, alone": seconds for step, seconds in took.items()}
    for name, order in orders.items():
        in_turn = sum(took[step] for step in order)
        path = _critical_path(catalogue, order, took)
        figures |= {f"{name}, at once": at_once[name], f"{name}, in turn": in_turn, f"{name}, critical path": path}
        figures |= {f"{name}, of in turn": at_once[name] / in_turn, f"{name}, of the path": at_once[name] / path}
    for name, value in figures.items():
        unit = f"     (aim: at most {AIM})" if name.endswith("of the path") else "" if ", of " in name else " s"
        print(f"{name:<32}{value:8.2f}{unit}", flush=True)
    return figures


def _box(user: User) -> None:
    """Make a box, with base on it."""
    os.sync()
    time.sleep(FORGOTTEN)
    user.up()
    user.fab("setup-base")
    server = shlex.join(["python3", "-c", LINK.read_text(encoding="utf-8"), str(PORT), str(MEGABYTES), str(RATE)])
    user.on_box(f"sudo systemd-run --quiet --unit=bench-slow-link {server}")


def _unpinned(user: User) -> list[str]:
    """Return the recipes that the rehearsal's stack takes from stand-ins."""
    words: list[str] = json.loads(user.pulumi("config", "get", "gpurig:unpinned"))
    return words


def _order(catalogue: Catalogue, name: str) -> list[str]:
    """Return the steps of a setup after base, one after the other."""
    wanted = catalogue.closure([name], NO_GPU)
    return [r.name for r in catalogue.ordered() if r.name in wanted and r.name != "base" and not r.needs_gpu]


def _critical_path(catalogue: Catalogue, order: list[str], took: dict[str, float]) -> float:
    """Return how long the steps take on a machine that has room for all of them at once."""
    ends: dict[str, float] = {}
    for step in order:
        before = catalogue.before(step, NO_GPU)
        ends[step] = took[step] + max((ends[name] for name in before & ends.keys()), default=0)
    return max(ends.values())


def _events(user: User) -> list[dict[str, Any]]:
    journal = user.on_box("sudo cat /var/lib/gpurig/journal.jsonl").splitlines()
    return [json.loads(line) for line in journal if line.startswith("{")]


def _lengths(user: User) -> dict[str, float]:
    """Return how long each setup took, by the box's own journal."""
    begun: dict[str, float] = {}
    found: dict[str, float] = {}
    for event in _events(user):
        if event["event"] == "start":
            begun[event["run"]] = event["at"]
        elif event["event"] == "ready":
            found[event["name"]] = event["at"] - begun[event["run"]]
    return found


def _took(user: User) -> dict[str, float]:
    """Return how long each step took that was installed."""
    installed = [event for event in _events(user) if event.get("state") == "installed"]
    return {event["step"]: event["seconds"] for event in installed if event["step"] != "base"}
