"""CPU against GPU: what both halves of a bench measured, checked, side by side."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from typing import TYPE_CHECKING, Any, Self

from provision.model.errors import BadInput
from provision.model.schema import ANY, STRING, mismatches

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.table import Table

    from provision.model.schema import Check

FILE = "bench.json"
UNITS = ("epoch", "iteration")
CPU_ONLY = "CPU only, this host has no GPU"
_PAGE = "docs/add-a-recipe.md says what a bench has to write"


def figure(number: float) -> str:
    """Return a measured number with the digits that a reader needs."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


_SECONDS: Check = (
    "a list of numbers above zero, one per unit",
    lambda v: isinstance(v, list) and bool(v) and all(_is_number(i) and i > 0 for i in v),
)
_SCHEMA: dict[str, Any] = {
    "unit": (f"one of {', '.join(UNITS)}", lambda v: v in UNITS),
    "seconds": _SECONDS,
    "error": ("a finite number", _is_number),
    "seed": ("a whole number", lambda v: type(v) is int),
    **dict.fromkeys(("measure", "device", "data"), ("a string that is not empty", lambda v: isinstance(v, str) and v)),
    "versions": {"*": STRING},
    "*": ANY,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Half:
    """What one run of a bench measured, on one device."""

    unit: str
    """What was timed: "epoch" or "iteration"."""
    seconds: tuple[float, ...]
    """Wall time of each unit, in order."""
    error: float
    measure: str
    """What `error` is ("validation error")."""
    device: str
    """As the framework names it: "cpu", or "cuda:0 (NVIDIA A10G)"."""
    seed: int
    data: str
    """What it computed on, with its count."""
    versions: Mapping[str, str]

    @classmethod
    def read(cls, path: Path, device: str, script: str) -> Self:
        """Read what `script` wrote when it was told to use `device` ("cpu", "gpu"). Raises `BadInput`, all at once."""
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            table, problems = {}, [f"was not written into $GPURIG_RESULTS by `{script}`"]
        except (OSError, ValueError) as error:
            table, problems = {}, [f"cannot be read: {error}"]
        else:
            problems = _problems(table, device)
        if problems:
            where = f"{path.name} of the {device.upper()} half"
            raise BadInput([f"{where}: {problem}" for problem in problems], hint=f"`{script}` wrote it; {_PAGE}")
        known = {field.name: table[field.name] for field in dataclasses.fields(cls)}
        return cls(**{**known, "seconds": tuple(known["seconds"])})

    @property
    def counted(self) -> tuple[float, ...]:
        """The times that count: all but the first, which warms up; that one where there is no other."""
        return self.seconds[1:] or self.seconds

    @property
    def median(self) -> float:
        """Median of the times that count, in seconds."""
        return statistics.median(self.counted)


def _problems(table: object, device: str) -> list[str]:
    """Return what is wrong with the contents of a bench file."""
    if not isinstance(table, dict):
        return ["has to be a table"]
    problems = [f'"{key}" is missing' for key in _SCHEMA if key != "*" and key not in table]
    problems += mismatches(table, _SCHEMA)
    if not problems and table["device"].startswith("cpu") != (device == "cpu"):
        problems.append(f'"device" says {table["device"]}: it has to compute on what $GPURIG_DEVICE names, or to fail')
    return problems


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Both halves of a bench on one host."""

    recipe: str
    date: str
    """When it ended: UTC, ISO 8601."""
    host: Mapping[str, Any]
    """What it ran on: name, instance type, GPU, CPU model, cores, memory in GiB."""
    cpu: Half
    gpu: Half | None
    """None on a host without a GPU."""

    def __post_init__(self) -> None:
        """Raise `BadInput` unless both halves did the same work."""
        if self.gpu is None:
            return
        both = [(key, getattr(self.cpu, key), getattr(self.gpu, key)) for key in ("data", "seed", "unit", "measure")]
        both.append(("number of seconds", len(self.cpu.seconds), len(self.gpu.seconds)))
        if problems := [f'"{key}" is {a} on the CPU and {b} on the GPU' for key, a, b in both if a != b]:
            hint = f"both halves have to do the same work to be compared; {_PAGE}"
            raise BadInput([f"bench of {self.recipe}: {problem}" for problem in problems], hint=hint)

    @property
    def ratio(self) -> float | None:
        """How many times the GPU's median time the CPU's is; None without a GPU."""
        return self.cpu.median / self.gpu.median if self.gpu else None

    @property
    def verdict(self) -> str:
        """What came out, in a few words."""
        if self.ratio is None:
            return CPU_ONLY
        faster, slower, times = ("GPU", "CPU", self.ratio) if self.ratio >= 1 else ("CPU", "GPU", 1 / self.ratio)
        return f"the {faster} is {figure(times)} times as fast as the {slower}"

    @property
    def halves(self) -> dict[str, Half]:
        """The halves that there are, by name."""
        return {"CPU": self.cpu, **({"GPU": self.gpu} if self.gpu else {})}

    def to_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        medians = {"median_seconds_cpu": self.cpu.median, "median_seconds_gpu": self.gpu and self.gpu.median}
        return {**dataclasses.asdict(self), **medians, "ratio": self.ratio, "verdict": self.verdict}

    def table(self) -> Table:
        """Return the comparison for a terminal."""
        from rich.box import SIMPLE  # noqa: PLC0415 - 60 ms that other tasks need not pay
        from rich.markup import escape  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415

        cpu = self.cpu
        per = f"s per {cpu.unit}"
        title = f"{self.recipe}: {cpu.data}, seed {cpu.seed}"
        first = f"\nthe first {cpu.unit} warms up and is not counted" if len(cpu.seconds) > 1 else ""
        table = Table(box=SIMPLE, title=escape(title), caption=f"{self.verdict}{first}")
        table.add_column("device", overflow="fold")
        for column in (f"{per}, median", "min", "max", "total s", cpu.measure):
            table.add_column(escape(column), justify="right")
        for half in self.halves.values():
            numbers = (half.median, min(half.counted), max(half.counted), sum(half.seconds), half.error)
            table.add_row(escape(half.device), *map(figure, numbers))
        if self.ratio is not None:
            table.add_row("CPU / GPU", figure(self.ratio))
        return table
