"""`fab status`: one screen on every host."""

from __future__ import annotations

import dataclasses
import json as json_lines
import time
from typing import TYPE_CHECKING, Any

from provision.runs import RUNNING, Runs
from provision.session import Session
from provision.tasks.base import cards, each, ending, task, tell

if TYPE_CHECKING:
    from provision.inventory import Host
    from provision.wire import Event


@task(help={"json": "print the raw answer, a line per host"}, post=[ending])
def status(c: Any, *, json: bool = False) -> None:
    """Show what is installed on every host, what runs, and how the last run ended."""

    def show(host: Host) -> None:
        with Session(host, c.config, tell=tell) as session:
            answer = session.one("status")
            runs = [dataclasses.asdict(run) for run in Runs(session).all() if run.state == RUNNING]
            answer = {**answer, "runs": runs}
        print(json_lines.dumps({"host": host.name, **answer}) if json else _screen(host, answer))

    each(c, show)


def _screen(host: Host, answer: Event) -> str:
    """Return the lines about one host."""
    gpus = ", ".join(f"{name} (compute {compute}, driver {driver})" for name, compute, driver in answer["gpus"])
    price = f", ${host.price_per_hour:.2f}/h" if host.price_per_hour is not None else ""
    rows = [
        ("host", f"{host}{f', {host.instance_type}' if host.instance_type else ''}{price}"),
        ("machine", f"{answer['os']}, kernel {answer['kernel']}, {answer['memory_gib']:.0f} GiB of memory"),
        ("GPU", gpus or "none that a driver sees"),
        *(("", note) for note in _in_the_way(answer)),
        ("disk", f"{answer['disk_free_gib']:.1f} GiB free on /"),
        ("state", _state(answer)),
        *(("runs", f"{run['name']} for {run['seconds']:.0f} s: {run['command']}") for run in answer["runs"]),
        *(("installed", f"{name} {mark['version']} ({_day(mark['at'])})") for name, mark in answer["marks"].items()),
    ]
    return "\n".join(f"{key:<10} {value}" for key, value in rows)


def _in_the_way(answer: Event) -> list[str]:
    """Say what keeps NVIDIA's driver from a GPU that is there, or will."""
    signs = {
        f"on the PCI bus, without a driver: {cards(answer)}": answer["pci"] and not answer["gpus"],
        "nouveau is loaded, and holds the GPU": answer["nouveau"],
        "Secure Boot is on: NVIDIA's unsigned modules will not load": answer["secure_boot"],
    }
    return [sign for sign, holds in signs.items() if holds]


def _state(answer: Event) -> str:
    """Say in words what the runner does or did last."""
    if answer["running"]:
        return f"installing {answer['pending']['name']} now"
    if answer["pending"]:
        return f"{answer['pending']['name']} was cut off; `fab setup` goes on with it"
    last = answer["last"]
    if last and last["event"] == "failed":
        return f'step "{last["step"]}" failed on {_day(last["at"])}: {last["why"]}'
    if answer["ready"]:
        return f"{answer['ready']['name']} is ready since {_day(answer['ready']['at'])}"
    return "nothing was installed by gpurig"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
