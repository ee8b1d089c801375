"""How busy a host is, as its box tells again and again, over connections that drop and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.agent.verbs import Verb
from provision.agent.words import Kind
from provision.model.words import took
from provision.transport.connection import Dropped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.agent.wire.events import Event
    from provision.agent.wire.samples import Gauge, Sample
    from provision.transport.session import Session

GIB = 2**30
MIB = 2**20


def samples(session: Session, *, seconds: float, times: int = 0) -> Iterator[Sample]:
    """Yield what the box says of itself every so many seconds, so many times (0: for ever).

    A connection that drops comes back by itself. Raises `Unreachable` where it does not, `NotRunning` where the box
    was stopped.
    """
    left = times

    def attempt() -> Iterator[Event]:
        yield from session.ask({"verb": Verb.SAMPLE, "seconds": seconds, "times": left})
        if not times:
            raise Dropped(session.host, "the answer ended early")

    for event in session.bridged(attempt):
        if event["event"] == Kind.SAMPLE:
            left -= 1
            yield event


def line(sample: Sample) -> str:
    """Return a sample in one line."""
    used, total = sample["memory"]
    parts = [
        f"CPU {sample['cpu']:.0f} %",
        f"memory {used / GIB:.1f}/{total / GIB:.1f} GiB",
        *(f"GPU {gauge['index']} {gpu(gauge)}" for gauge in sample["gpus"]),
        *([f"GPU ?: {sample['gpu_problem']}"] if sample["gpu_problem"] else []),
        *(f"{disk['path']} {disk['free'] / GIB:.1f}/{disk['total'] / GIB:.1f} GiB free" for disk in sample["disks"]),
        f"disk {rate(sample['read'])} read {rate(sample['written'])} written",
        f"net {rate(sample['received'])} in {rate(sample['sent'])} out",
        runs(sample) or "no runs",
    ]
    return "  ".join(parts)


def gpu(gauge: Gauge) -> str:
    """Return what is known of a GPU in a few words."""
    use = "use n/a" if gauge["use"] is None else f"{gauge['use']:.0f} %"
    memory = ""
    if gauge["used"] is not None and gauge["total"]:
        memory = f"{gauge['used'] / 1024:.1f}/{gauge['total'] / 1024:.1f} GiB"
    heat = f"{gauge['celsius']:.0f} °C" if gauge["celsius"] is not None else ""
    power = f"{gauge['watts']:.0f} W" if gauge["watts"] is not None else ""
    return " ".join(filter(None, [use, memory, heat, power]))


def runs(sample: Sample) -> str:
    """Return the runs that go on, each with how long it does."""
    return ", ".join(f"{run['name']} ({took(sample['at'] - run['since'])})" for run in sample["runs"])


def rate(size: float) -> str:
    """Return bytes per second as a screen has them."""
    return f"{size / MIB:.1f} MiB/s" if size >= MIB / 10 else f"{size / 1024:.0f} KiB/s"
