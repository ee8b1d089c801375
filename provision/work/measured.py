"""What one half of a bench measured: its bench.json, read and checked; one that learnt nothing is no measurement."""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from typing import TYPE_CHECKING, Any, Self, TypeVar

from provision.model.errors import BadInput, RunFailed
from provision.model.schema import ANY, STRING, mismatches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from provision.model.schema import Check

FILE = "bench.json"
UNITS = ("epoch", "iteration")
PAGE = "docs/add-a-recipe.md says what a bench has to write"


def figure(number: float) -> str:
    """Return a measured number with the digits that a reader needs."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_finite(value: object) -> bool:
    return _is_number(value) and math.isfinite(value)  # type: ignore[arg-type]


def _listed(check: str, value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_finite(i) and (check != "times" or i > 0) for i in value)


_SECONDS: Check = ("a list of numbers above zero, one per unit", lambda v: _listed("times", v))
_LOSSES: Check = (
    "a list of numbers, one per unit",
    lambda v: isinstance(v, list) and bool(v) and all(i is None or _is_number(i) for i in v),
)
_NUMBER: Check = ("a number", lambda v: v is None or _is_number(v))
_ABOVE_ZERO: Check = ("a number above zero", lambda v: _is_finite(v) and v > 0)
_TEXT: Check = ("a string that is not empty", lambda v: isinstance(v, str) and bool(v))
_SETTING: dict[str, Any] = {
    "seconds": _SECONDS,
    "losses": _LOSSES,
    "error": _NUMBER,
    "nothing_learnt": _ABOVE_ZERO,
}
_SETTING_TOO: dict[str, Any] = {"setting": _TEXT, "pictures": _ABOVE_ZERO}
_HALF: dict[str, Any] = {
    **_SETTING,
    "unit": (f"one of {', '.join(UNITS)}", lambda v: v in UNITS),
    "seed": ("a whole number", lambda v: type(v) is int),
    **dict.fromkeys(("measure", "device", "data"), _TEXT),
    "versions": {"*": STRING},
}
_HALF_TOO: dict[str, Any] = {
    **_SETTING_TOO,
    "others": ("a list of tables", lambda v: isinstance(v, list) and all(isinstance(row, dict) for row in v)),
    "between": ("two moments, in seconds of UTC", lambda v: _listed("", v) and len(v) == 2 and v[0] < v[1]),
    "spent": {"*": ("a number of seconds", lambda v: _is_finite(v) and v >= 0)},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured in one setting."""

    setting: str = ""
    """How it computed, where there are several ways ("batches of 100")."""
    seconds: tuple[float, ...]
    """Wall time of each unit, in order."""
    losses: tuple[float, ...]
    """Loss of each unit."""
    error: float
    nothing_learnt: float
    """The error from which on nothing was learnt: that of guessing, or the first loss."""
    pictures: float | None = None
    """How many a unit goes through."""

    @property
    def counted(self) -> tuple[float, ...]:
        """The times that count: all but the first, which warms up; that one where there is no other."""
        return self.seconds[1:] or self.seconds

    @property
    def median(self) -> float:
        """Median of the times that count, in seconds."""
        return statistics.median(self.counted)

    @property
    def rate(self) -> float | None:
        """Pictures per second; None where nobody says how many there are."""
        return self.pictures / self.median if self.pictures else None

    def no_result(self, unit: str, measure: str) -> str:
        """Return why these times are none of a network that learns, "" where they are."""
        for number, loss in enumerate(self.losses, 1):
            if not math.isfinite(loss):
                return f"the loss of {unit} {number} is {loss}"
        if not self.error < self.nothing_learnt:
            limit = figure(self.nothing_learnt)
            return f"its {measure} is {figure(self.error)}, and from {limit} on it has learnt nothing"
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Half(Measured):
    """What one run of a bench measured, on one device."""

    unit: str
    """What was timed: "epoch" or "iteration"."""
    measure: str
    """What `error` is ("validation error")."""
    device: str
    """As the framework names it: "cpu", or "cuda:0 (NVIDIA A10G)"."""
    seed: int
    data: str
    """What it computed on, with its count."""
    versions: Mapping[str, str]
    others: tuple[Measured, ...] = ()
    """The same work in other settings."""
    between: tuple[float, float] | None = None
    """From when to when the device only did what was timed, in seconds of UTC; None: nobody knows."""
    spent: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """What a unit's seconds went to."""

    @classmethod
    def read(cls, path: Path, device: str, script: str) -> Self:
        """Read what `script` wrote when it was told to use `device` ("cpu", "gpu").

        Raises `BadInput`, all at once, and `RunFailed` for a file that says that nothing was learnt.
        """
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            table, problems = {}, [f"was not written into $GPURIG_RESULTS by `{script}`"]
        except (OSError, ValueError) as error:
            table, problems = {}, [f"cannot be read: {error}"]
        else:
            problems = _problems(table, device)
        where = f"{path.name} of the {device.upper()} half"
        if problems:
            raise BadInput([f"{where}: {problem}" for problem in problems], hint=f"`{script}` wrote it; {PAGE}")
        half = _made(cls, table)
        for measured in half.settings:
            if why := measured.no_result(half.unit, half.measure):
                setting = f", {measured.setting}" if measured.setting else ""
                hint = f"what learns nothing is no bench; its log: {path.with_name('run.log')}"
                raise RunFailed(f"{where}{setting}: {why}", 1, hint=hint)
        return half

    @property
    def settings(self) -> tuple[Measured, ...]:
        """What was measured in each setting; the first is what the halves are compared by."""
        return (self, *self.others)


_Kind = TypeVar("_Kind", bound=Measured)


def _problems(table: object, device: str) -> list[str]:
    """Return what is wrong with the contents of a bench file."""
    if not isinstance(table, dict):
        return ["has to be a table"]
    problems = list(_wrong(table, _HALF, _HALF_TOO, ""))
    if not problems:
        for number, row in enumerate(table.get("others", [])):
            problems += _wrong(row, {**_SETTING, "setting": _TEXT}, _SETTING_TOO, f"others[{number}].")
    if not problems and table["device"].startswith("cpu") != (device == "cpu"):
        problems.append(f'"device" says {table["device"]}: it has to compute on what $GPURIG_DEVICE names, or to fail')
    return problems


def _wrong(table: dict[str, Any], needed: dict[str, Any], too: dict[str, Any], prefix: str) -> Iterator[str]:
    yield from (f'"{prefix}{key}" is missing' for key in needed if key not in table)
    wrong = mismatches(table, {**needed, **too, "*": ANY}, prefix)
    yield from wrong
    if not wrong and {"seconds", "losses"} <= table.keys() and len(table["seconds"]) != len(table["losses"]):
        yield f'"{prefix}losses" has to have as many numbers as "{prefix}seconds"'


def _made(kind: type[_Kind], table: dict[str, Any]) -> _Kind:
    """Return a checked table as what it is; JSON has no word for what is no number, so "null" is one."""
    known = {field.name: table[field.name] for field in dataclasses.fields(kind) if field.name in table}
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in known.items()}
    known["losses"] = tuple(math.nan if loss is None else loss for loss in known["losses"])
    known["error"] = math.nan if known["error"] is None else known["error"]
    if "others" in known:
        known["others"] = tuple(_made(Measured, row) for row in known["others"])
    return kind(**known)
