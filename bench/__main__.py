"""`make bench`: each question in a rehearsal cloud of its own; what is compared runs in the same one.

`python -m bench NAME…` asks only these questions. SOURCES=upstream in the environment: with the real Caffe and DIGITS.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.__main__ import STACKS, wanted_sources
from rehearsal.boxes import roots, why_not
from rehearsal.errors import RehearsalError
from rehearsal.site import ROOT, open_site
from rehearsal.user import User

if TYPE_CHECKING:
    from collections.abc import Sequence

QUESTIONS = {
    "noop": "a command with nothing to do, beside plain ssh",
    "fleet": "the same over 24 addresses, beside Ansible, pyinfra and plain Fabric",
    "scale": "what 1, 24 and 100 hosts cost the laptop, beside plain ssh and Fabric's own group",
    "warm": "setup-digits on a box that has nothing, on one whose job volume remembers, and from the lab's bucket",
    "at_once": "setup-digits and setup-neural-style with their steps at once, beside one after the other",
    "pictures": "a data set of 2,000 pictures, beside ImageMagick under parallel",
}
FIGURES = ROOT / "results" / "bench.json"


def main(words: Sequence[str] | None = None) -> None:
    """Ask, print, and keep the figures in `results/bench.json`."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(QUESTIONS))
    names = parser.parse_args(words).names or list(QUESTIONS)
    if unknown := [name for name in names if name not in QUESTIONS]:
        parser.error(f"there is no question {', '.join(unknown)}; there are: {', '.join(QUESTIONS)}")
    if lack := why_not():
        sys.exit(f"bench: {lack}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # who is asked to end switches its cloud off first
    roots.ensure("ubuntu-22.04", print)
    for name in names:
        print(f"\n── {name}: {QUESTIONS[name]}", flush=True)
        try:
            _keep(name, _ask(name))
        except RehearsalError as error:
            sys.exit(f"bench: {name}: {error}")
    print(f"\n{os.cpu_count()} cores; figures in {FIGURES.relative_to(ROOT)}")


def _ask(name: str) -> dict[str, Any]:
    """Ask one question in a cloud of its own. Raises `RehearsalError`."""
    sources = wanted_sources()
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".rehearsal-bench-") as folder:
        site = open_site(Path(folder), stack=STACKS[sources], boxes=True, sources=sources, tell=print)
        try:
            figures: dict[str, Any] = importlib.import_module(f"bench.{name}").measure(User.arrives(site))
        finally:
            site.cloud.stop()
    return {
        "engine": site.engine,
        "sources": sources,
        "machine": platform.platform(),
        "cores": os.cpu_count(),
        **figures,
    }


def _keep(name: str, figures: dict[str, Any]) -> None:
    """Put one question's figures beside those that other questions left."""
    FIGURES.parent.mkdir(exist_ok=True)
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    others = {key: kept[key] for key in QUESTIONS if key in kept}
    FIGURES.write_text(json.dumps({**others, name: figures}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
