"""GPU models, EC2 instance types, images and the dated prices, read from `platforms.toml`."""

from __future__ import annotations

import dataclasses
import functools
import re
import tomllib
from pathlib import Path
from typing import Any

NO_GPU = "none"
AUTO = "auto"
"""In place of a GPU model: what the machine itself shows, once it is asked."""
BAKED = "baked"
"""In place of an image's name: the stack's own, made by `fab bake`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU model."""

    model: str
    compute: str
    """CUDA compute capability, "8.6"."""
    memory_gib: int
    ec2: str = ""
    """What EC2 calls it, where that is another name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstanceType:
    """An EC2 instance type with its GPUs."""

    name: str
    gpu: str
    """A model of `gpus()`, or "none"."""
    gpus: int
    vcpus: int
    memory_gib: int
    gpu_memory_gib: int | None = None
    """Of one of its GPUs where EC2 says so: an A100 has 40 or 80; None: what its model has in `gpus()`."""
    usd_per_hour: float | None = None
    """On-demand Linux list price of `PriceTable.region`; None where this table has none."""

    def __str__(self) -> str:
        """Return the type as a person would choose it: name, GPU, capability, price."""
        gpu = gpus().get(self.gpu)
        price = f", ${self.usd_per_hour:.2f}/h" if self.usd_per_hour is not None else ""
        return f"{self.name} ({gpu.model}, compute {gpu.compute}{price})" if gpu else f"{self.name} (no GPU{price})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """A machine image by a name of ours: found by SSM public parameter, or by owner and name pattern."""

    name: str
    user: str
    parameter: str = ""
    owner: str = ""
    pattern: str = ""
    has: tuple[str, ...] = ()
    """Recipes that the image brings."""
    since: str = ""
    """The oldest compute capability that the driver in it drives; "" for any, or no driver."""
    ssm: bool = False
    """Whether it brings the agent of Session Manager."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PriceTable:
    """List prices of one region as they were once, USD; those of instances are with their types."""

    date: str
    """When they were so: "2026-11"."""
    region: str
    gp3_gib_month: float
    snapshot_gib_month: float
    """Of a GiB that was ever written."""
    address_hour: float
    """A public IPv4 address."""


@functools.cache
def price_table() -> PriceTable:
    """Return the prices that stand in where AWS's own list cannot be asked."""
    return PriceTable(**_tables()["prices"])


@functools.cache
def _tables(name: str = "platforms") -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))


@functools.cache
def gpus() -> dict[str, Gpu]:
    """Return the known GPU models by name."""
    return {model: Gpu(model=model, **row) for model, row in _tables()["gpu"].items()}


def gpu_model(name: str) -> str | None:
    """Return the known model in a name that `nvidia-smi`, udev or EC2 gives ("Tesla V100-SXM2-16GB" → "V100")."""
    words = f" {' '.join(re.split(r'[^A-Za-z0-9]+', name))} "
    # The longest: an RTX 2080 Ti is no RTX 2080.
    names = {name: gpu.model for gpu in gpus().values() for name in (gpu.model, gpu.ec2) if name}
    return names.get(max((name for name in names if f" {name} " in words), key=len, default=""))


@functools.cache
def pci_ids() -> dict[str, str]:
    """Return the GPU model of each PCI device id ("2204" → "RTX 3090")."""
    return {number: model for model, numbers in _tables("pci_ids").items() for number in numbers.split()}


@functools.cache
def instance_types() -> dict[str, InstanceType]:
    """Return the known instance types by name."""
    return {name: InstanceType(name=name, **row) for name, row in _tables()["instance"].items()}


@functools.cache
def images() -> dict[str, Image]:
    """Return the known images by name."""
    rows = _tables()["image"].items()
    return {
        name: Image(
            name=name,
            user=row["user"],
            parameter=row.get("parameter", ""),
            owner=row.get("owner", ""),
            pattern=row.get("name", ""),
            has=tuple(row.get("has", ())),
            since=row.get("since", ""),
            ssm=row.get("ssm", False),
        )
        for name, row in rows
    }


def cheapest(computes: frozenset[str]) -> InstanceType | None:
    """Return the cheapest known instance type whose GPU has one of these compute capabilities."""
    fits = [t for t in instance_types().values() if t.gpu in gpus() and gpus()[t.gpu].compute in computes]
    return min((t for t in fits if t.usd_per_hour is not None), key=lambda t: t.usd_per_hour or 0.0, default=None)
