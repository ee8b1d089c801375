"""CPU against GPU: what both halves of a bench measured, side by side, and what the card did meanwhile."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from provision.model.errors import BadInput
from provision.work.measured import PAGE, figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table

    from provision.work.card import Card
    from provision.work.measured import Half, Measured

CPU_ONLY = "CPU only, this host has no GPU"
UNSEEN = "how busy the GPU was is not known: nobody looked, or nvidia-smi does not tell"
HALF = 50
"""Per cent: of a card that is less busy it is said what its time went to."""


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
    card: Card | None = None
    """What the GPU did meanwhile; None where nobody looked at it, or nvidia-smi does not tell."""

    def __post_init__(self) -> None:
        """Raise `BadInput` unless both halves did the same work."""
        if self.gpu is None:
            return
        both: list[tuple[str, object, object]] = [
            (key, getattr(self.cpu, key), getattr(self.gpu, key))
            for key in ("data", "seed", "unit", "measure", "versions")
        ]
        both.append(("number of seconds", len(self.cpu.seconds), len(self.gpu.seconds)))
        for key in ("setting", "pictures"):
            mine, theirs = ([getattr(one, key) for one in half.settings] for half in (self.cpu, self.gpu))
            both.append((key, mine, theirs))
        if problems := [f'"{key}" is {a} on the CPU and {b} on the GPU' for key, a, b in both if a != b]:
            hint = f"both halves have to do the same work to be compared; {PAGE}"
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
    def why_idle(self) -> str:
        """What the time went to of a card that was less than half busy, "" of another; where nobody looked, that."""
        if not self.gpu:
            return ""
        if not self.card or self.card.busy is None:
            return UNSEEN
        if self.card.busy >= HALF:
            return ""
        # Of a bench that does not say it nvidia-smi knows this much: busy is a GPU while any kernel runs.
        computing = self.gpu.median * self.card.busy / 100
        known = {"computing": computing, "in the program between two kernels": self.gpu.median - computing}
        spent = self.gpu.spent or known
        parts = ", ".join(f"{figure(seconds)} s {what}" for what, seconds in spent.items())
        whole = f"of {figure(sum(spent.values()))} s per {self.gpu.unit}"
        return f"the GPU was {self.card.busy:.0f} % busy: {whole}, {parts}"

    @property
    def did(self) -> str:
        """What the card did, in a few words; "" where nobody knows."""
        return "the GPU: {} busy, {} of memory, {}".format(*self.card.told) if self.card else ""

    @property
    def halves(self) -> dict[str, Half]:
        """The halves that there are, by name."""
        return {"CPU": self.cpu, **({"GPU": self.gpu} if self.gpu else {})}

    def ratios(self) -> Iterator[tuple[Measured, Measured | None, float | None]]:
        """Yield of each setting what was measured on the CPU and on the GPU, and how many times as fast the GPU is."""
        for number, cpu in enumerate(self.cpu.settings):
            gpu = self.gpu.settings[number] if self.gpu else None
            yield cpu, gpu, cpu.median / gpu.median if gpu else None

    def to_document(self) -> dict[str, Any]:
        """Return plain JSON data."""
        medians = {"median_seconds_cpu": self.cpu.median, "median_seconds_gpu": self.gpu and self.gpu.median}
        settings = [
            {
                "setting": cpu.setting,
                "median_seconds_cpu": cpu.median,
                "median_seconds_gpu": gpu and gpu.median,
                "pictures_per_second_cpu": cpu.rate,
                "pictures_per_second_gpu": gpu and gpu.rate,
                "ratio": ratio,
            }
            for cpu, gpu, ratio in self.ratios()
        ]
        words = {"verdict": self.verdict, "why_idle": self.why_idle}
        return {**dataclasses.asdict(self), **medians, "ratio": self.ratio, "settings": settings, **words}

    def table(self) -> Table:
        """Return the comparison for a terminal."""
        from rich.box import SIMPLE  # noqa: PLC0415 - 60 ms that other tasks need not pay
        from rich.markup import escape  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415

        cpu = self.cpu
        title = f"{self.recipe}: {cpu.data}, seed {cpu.seed}"
        first = f"the first {cpu.unit} warms up and is not counted" if len(cpu.seconds) > 1 else ""
        caption = "\n".join(filter(None, [self.verdict, self.why_idle, first]))
        table = Table(box=SIMPLE, title=escape(title), caption=escape(caption))
        table.add_column("device", overflow="fold")
        columns = [f"s per {cpu.unit}, median", "min", "max", "total s", cpu.measure]
        columns += ["pictures/s"] * any(measured.pictures for measured in cpu.settings)
        columns += ["GPU busy", "memory", "power"] * bool(self.card)
        for column in columns:
            table.add_column(escape(column), justify="right")
        for one, other, ratio in self.ratios():
            if one.setting:
                table.add_row(escape(one.setting))
            for half, measured in zip((cpu, self.gpu), (one, other), strict=True):
                if half and measured:
                    table.add_row(escape(half.device), *self._cells(measured))
            if ratio is not None:
                table.add_row("CPU / GPU", figure(ratio))
        return table

    def _cells(self, measured: Measured) -> list[str]:
        """Return the cells of a row: what was measured and, where that was looked at, what the card did."""
        numbers = (measured.median, min(measured.counted), max(measured.counted), sum(measured.seconds), measured.error)
        cells = [figure(number) for number in numbers]
        if any(each.pictures for each in self.cpu.settings):
            cells.append(figure(measured.rate) if measured.rate else "")
        if self.card and measured is self.gpu:
            cells += self.card.told
        return cells
