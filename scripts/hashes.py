#!/usr/bin/env python3
"""Write, below each package that a recipe pins, the SHA-256 of every file of that release (`make lock`; needs uv).

Versions stay as they are: to raise one, change it in the recipe's requirements and run this again. The lists for Python
2.7, which uv does not know, are kept by hand.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

RECIPES = Path(__file__).parents[1] / "templates" / "recipes"
BY_HAND = ("python2", "nolearn-dbn")
_PIN = re.compile(r"([A-Za-z0-9._-]+)==[^\s\\]+")
_HASH = re.compile(r"\s+--hash=sha256:[0-9a-f]{64}(?: \\)?")


def name_of(pin: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", pin.partition("==")[0]).lower()


def hashes(pins: list[str]) -> dict[str, list[str]]:
    """Return the package's name → its lines of hashes."""
    words = ["uv", "pip", "compile", "--quiet", "--no-deps", "--generate-hashes", "--no-header", "--no-annotate"]
    words += ["--no-emit-index-url", "--no-emit-find-links", "--universal", "--python-version", "3.10", "-"]
    done = subprocess.run(words, input="\n".join(pins), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if pin := _PIN.match(line):
            found[name_of(pin[0])] = rows = []
        elif _HASH.fullmatch(line):
            rows.append(line.strip().removesuffix(" \\"))
    return found


def renewed(text: str) -> str:
    """Return a list of requirements, which may be a template, with the hashes of today."""
    lines = [line for line in text.splitlines() if not _HASH.fullmatch(line)]
    pins = [pin[0] for line in lines if (pin := _PIN.match(line))]
    known = hashes(pins)
    found = []
    for line in lines:
        pin = _PIN.match(line)
        found.append(" \\\n    ".join([pin[0], *known[name_of(pin[0])]]) if pin else line)
    return "\n".join(found) + "\n"


def main() -> None:
    """Renew all lists."""
    for path in sorted(RECIPES.glob("*/requirements*.txt*")):
        if path.parent.name not in BY_HAND and (not sys.argv[1:] or path.parent.name in sys.argv[1:]):
            path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
            print(path)


if __name__ == "__main__":
    main()
