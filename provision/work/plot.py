"""The plot of a bench: seconds per epoch or iteration, on the CPU and on the GPU."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from provision.work.comparison import figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from provision.work.comparison import Comparison, Half

COLOURS = {"CPU": "#d95f02", "GPU": "#1b9e77"}
"""Two of ColorBrewer's Dark2, which colour-blind readers tell apart."""
LOGARITHMIC = 5
"""From this ratio of the slowest to the fastest on, the times stand on a logarithmic axis."""
MARKED = 40
"""Up to so many units, each has a marker."""


def plot(comparison: Comparison, path: Path) -> None:
    """Write the times of both halves as a PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - 300 ms that only a bench pays
    from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter  # noqa: PLC0415

    page = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes: Axes = page.subplots()
    for name, half in comparison.halves.items():
        _draw(axes, name, half)
    unit, times = comparison.cpu.unit, [t for half in comparison.halves.values() for t in half.seconds]
    if max(times) > LOGARITHMIC * min(times):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, 1.15 * max(times))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel(unit)
    axes.set_ylabel(f"time per {unit} (s)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
    page.suptitle(f"{comparison.recipe}: {comparison.verdict}", fontsize=14)
    axes.set_title(_small_print(comparison), fontsize=9)
    part = path.with_name(f".{path.name}.part")
    page.savefig(part, format="png")
    part.replace(path)


def _draw(axes: Axes, name: str, half: Half) -> None:
    """Draw one half: its times, the one that does not count hollow, and the median of the others."""
    units = range(1, len(half.seconds) + 1)
    colour, marker = COLOURS[name], "o" if len(units) <= MARKED else ""
    device = name if half.device == name.lower() else f"{name}, {half.device}"
    label = f"{device}: median {figure(half.median)} s, {half.measure} {figure(half.error)}"
    axes.plot(units, half.seconds, color=colour, marker=marker, markersize=5, label=label)
    axes.axhline(half.median, color=colour, linestyle=":", linewidth=1)
    if len(half.counted) < len(half.seconds):
        axes.plot(1, half.seconds[0], color=colour, marker="o", markersize=5, markerfacecolor="white")


def _small_print(comparison: Comparison) -> str:
    """Return what was computed, and on what."""
    host = comparison.host
    machine = [host["name"], host["instance_type"], host["gpu"] or "no GPU", f"{host['cpu']} ({host['cores']} cores)"]
    warms = f"hollow: the first {comparison.cpu.unit}, not counted" if len(comparison.cpu.seconds) > 1 else ""
    what = [comparison.cpu.data, f"seed {comparison.cpu.seed}", comparison.date, warms]
    lines = [", ".join(filter(None, words)) for words in (machine, what)]
    # Names may hold what matplotlib would take for a formula.
    return "\n".join(textwrap.fill(line.replace("$", r"\$"), 110) for line in lines)
