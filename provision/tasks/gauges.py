"""A sample of a box as the rows of its table on the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.screen.dashboard import Gauge
from provision.work import watching
from provision.work.watching import GIB

if TYPE_CHECKING:
    from provision.agent.wire.samples import Sample


def gauges(sample: Sample) -> list[Gauge]:
    """Return the rows of a host's table."""
    running = watching.runs(sample) or "none"
    read, written = watching.rate(sample["read"]), watching.rate(sample["written"])
    received, sent = watching.rate(sample["received"]), watching.rate(sample["sent"])
    return [
        *_machine(sample),
        *_gpus(sample),
        *_disks(sample),
        Gauge(name="disk", percent=None, words=f"{read} read, {written} written"),
        Gauge(name="network", percent=None, words=f"{received} in, {sent} out"),
        Gauge(name="runs", percent=None, words=running, short=f"runs: {running}"),
    ]


def _machine(sample: Sample) -> list[Gauge]:
    used, total = sample["memory"]
    cores = f"of {sample['cpus']} CPUs, load {sample['load']:.1f}"
    memory = f"{used / GIB:.1f} of {total / GIB:.1f} GiB"
    short = f"mem {used / GIB:.0f}/{total / GIB:.0f} GiB"
    return [
        Gauge(name="CPU", percent=sample["cpu"], words=cores, short=f"CPU {sample['cpu']:.0f} %"),
        Gauge(name="memory", percent=100 * used / total, words=memory, short=short),
    ]


def _gpus(sample: Sample) -> list[Gauge]:
    rows = []
    for one in sample["gpus"]:
        words = watching.gpu(one)
        name = f"GPU {one['index']}"
        rows.append(Gauge(name=name, percent=one["use"], words=f"{words}  {one['name']}", short=f"GPU {words}"))
    if sample["gpu_problem"]:
        rows.append(Gauge(name="GPU", percent=None, words=sample["gpu_problem"], short="GPU ?"))
    return rows


def _disks(sample: Sample) -> list[Gauge]:
    return [
        Gauge(
            name=disk["path"],
            percent=100 * (1 - disk["free"] / disk["total"]),
            words=f"{disk['free'] / GIB:.1f} of {disk['total'] / GIB:.1f} GiB free",
        )
        for disk in sample["disks"]
    ]
