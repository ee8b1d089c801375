"""The plot of a bench: seconds per epoch or iteration, on the CPU and on the GPU."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from provision.work.measured import figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from provision.work.comparison import Comparison
    from provision.work.measured import Half, Measured

COLOURS = {"CPU": "#d95f02", "GPU": "#1b9e77"}
"""Two of ColorBrewer's Dark2, which colour-blind readers tell apart."""
LOGARITHMIC = 5
"""From this ratio of the slowest to the fastest on, the times stand on a logarithmic axis."""
MARKED = 40
"""Up to so many units, each has a marker."""
WIDTH = 110
"""Letters of a line of small print."""


def plot(comparison: Comparison, path: Path) -> None:
    """Write the times of both halves as a PNG."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - 300 ms that only a bench pays
    from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter  # noqa: PLC0415

    page = Figure(figsize=(9, 5.5), dpi=120, layout="constrained")
    axes: Axes = page.subplots()
    for name, half in comparison.halves.items():
        _draw(axes, name, half)
    unit = comparison.cpu.unit
    times = [t for half in comparison.halves.values() for measured in half.settings for t in measured.seconds]
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
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False, fontsize=9)
    page.suptitle(f"{comparison.recipe}: {comparison.verdict}", fontsize=14)
    axes.set_title(small_print(comparison), fontsize=9)
    part = path.with_name(f".{path.name}.part")
    page.savefig(part, format="png")
    part.replace(path)


def _draw(axes: Axes, name: str, half: Half) -> None:
    """Draw one half, a line per setting: its times, and the median of those that count."""
    device = name if half.device == name.lower() else f"{name}, {half.device}"
    for measured in half.settings:
        setting = f", {measured.setting}" if measured.setting else ""
        rate = f", {figure(measured.rate)} pictures/s" if measured.rate else ""
        said = f"median {figure(measured.median)} s{rate}, {half.measure} {figure(measured.error)}"
        label = textwrap.fill(f"{device}{setting}: {said}", WIDTH)
        _line(axes, COLOURS[name], measured, label, faint=measured is not half)


def _line(axes: Axes, colour: str, measured: Measured, label: str, *, faint: bool) -> None:
    """Draw the times of one setting, the one that does not count hollow; `faint`: beside another that counts more."""
    units = range(1, len(measured.seconds) + 1)
    marker, strength = "o" if len(units) <= MARKED else "", 0.4 if faint else 1
    axes.plot(units, measured.seconds, color=colour, alpha=strength, marker=marker, markersize=5, label=label)
    axes.axhline(measured.median, color=colour, alpha=strength, linestyle=":", linewidth=1)
    if len(measured.counted) < len(measured.seconds):
        first = measured.seconds[0]
        axes.plot(1, first, color=colour, alpha=strength, marker="o", markersize=5, markerfacecolor="white")


def small_print(comparison: Comparison) -> str:
    """Return what was computed, and on what."""
    host = comparison.host
    machine = [host["name"], host["instance_type"], host["gpu"] or "no GPU", f"{host['cpu']} ({host['cores']} cores)"]
    warms = f"hollow: the first {comparison.cpu.unit}, not counted" if len(comparison.cpu.seconds) > 1 else ""
    what = [comparison.cpu.data, f"seed {comparison.cpu.seed}", comparison.date, warms]
    lines = [", ".join(filter(None, words)) for words in (machine, what, [comparison.did], [comparison.why_idle])]
    # Names may hold what matplotlib would take for a formula.
    return "\n".join(textwrap.fill(line.replace("$", r"\$"), WIDTH) for line in filter(None, lines))
