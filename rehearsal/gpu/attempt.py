"""One recipe on one box with a card: set up, looked at again, its example, its bench; and what each of them showed."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from typing import TYPE_CHECKING, Any

from rehearsal.gpu.desk import NAME, TimedOut, on_card

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.gpu.desk import Desk

TAIL = 25
"""Lines of a command that failed."""
_SETUPS = ("setup", "verify")
_MORE = {"example": (), "bench": ("--another",)}
"""Parts that leave results → what else they are told: a bench never goes on with the halves of an earlier check."""


@dataclasses.dataclass
class Attempt:
    """What became of one recipe."""

    recipe: str
    version: str
    state: str = "not run"
    """"tried", "failed", "no" (it does not fit) or "not run" (it was not to be, or the time was up)."""
    why: str = ""
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    """Wall time of each command that ended well, by its part: setup, verify, example, bench."""
    bench: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Its comparison of CPU and GPU, as `fab bench-NAME` wrote it, without each unit's time."""
    said: str = ""
    """The last lines of the command that failed."""


class _Failed(Exception):
    pass


def attempt(desk: Desk, row: dict[str, Any], deadline: float, into: Path) -> Attempt:
    """Try a recipe, a row of `fab recipes --json`, from the sources that fit there.

    `deadline`: of the monotonic clock, after which nothing begins.
    """
    tried = Attempt(row["name"], row["version"])
    parts = [*_SETUPS, *(kind for kind in _MORE if kind in _trials(row))]
    for part in parts:
        words = _words(part, row, into)
        left = deadline - time.monotonic()
        if left <= 0:
            return _out_of_time(tried, f"before its {part}")
        try:
            tried.seconds[part] = _run(desk, part, words, left, into)
        except TimedOut:
            return _out_of_time(tried, f"in the middle of its {part}")
        except _Failed as error:
            tried.state, tried.why, tried.said = "failed", f"fab {words[1]}: {error.args[0]}", error.args[1]
            return tried
    tried.state = "tried"
    tried.bench = _bench(into, row["name"]) if "bench" in tried.seconds else {}
    return tried


def _out_of_time(tried: Attempt, when: str) -> Attempt:
    """Say that the check ended, which is no fault of the recipe's."""
    tried.state, tried.why = "tried" if "verify" in tried.seconds else "not run", f"the time was up {when}"
    return tried


def _trials(row: dict[str, Any]) -> set[str]:
    return {str(one["kind"] if isinstance(one, dict) else one) for one in row["try"]}


def _words(part: str, row: dict[str, Any], into: Path) -> list[str]:
    """Return the command of a part, as a user types it."""
    if part in _MORE:
        return ["fab", f"{part}-{row['name']}", "--into", str(into), *_MORE[part]]
    sources = row["works"][0]["sources"].items()
    return ["fab", f"setup-{row['name']}", *(word for pair in sources for word in ("--source", "=".join(pair)))]


def _run(desk: Desk, part: str, words: list[str], left: float, into: Path) -> float:
    """Run a part's command; returns its seconds. Raises `_Failed` with why, and its last words, and `TimedOut`."""
    began = time.monotonic()
    try:
        done = on_card(desk, *words, seconds=max(left, 1))
    except TimedOut as error:
        _log(into, words, error.said, f"cut off after {time.monotonic() - began:.1f} s")
        raise
    took = round(time.monotonic() - began, 1)
    _log(into, words, done.stdout, f"{done.returncode}, {took} s")
    tail = "\n".join(done.stdout.splitlines()[-TAIL:])
    if done.returncode:
        raise _Failed(f"exit code {done.returncode}", tail)
    if part == "verify" and "nothing to do" not in done.stdout:
        raise _Failed("a second setup did not find it done", tail)
    return took


def _log(into: Path, words: list[str], said: str, end: str) -> None:
    with (into / "check.log").open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(words)}\n{said}[{end}]\n")


def _bench(into: Path, recipe: str) -> dict[str, Any]:
    """Return what the newest bench of a recipe came to, without the time of each unit; nothing where it left none."""
    # All of the name: that of another recipe may begin with this one's.
    folder = re.compile(rf"bench-{re.escape(recipe)}-{NAME}-\d{{8}}T\d{{6}}Z")
    found = sorted(path for path in into.glob("bench-*/bench.json") if folder.fullmatch(path.parent.name))
    if not found:
        return {}
    table: dict[str, Any] = json.loads(found[-1].read_text(encoding="utf-8"))
    kept: dict[str, Any] = {key: table[key] for key in ("verdict", "ratio", "settings", "card") if key in table}
    half = table.get("gpu") or table.get("cpu") or {}
    names = ("device", "data", "setting", "measure", "error", "versions")
    return {**kept, "gpu" if table.get("gpu") else "cpu": {name: half[name] for name in names if name in half}}
