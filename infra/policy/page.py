"""The tables of docs/policy.md, written from the rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from infra.policy import RULES, UNHELD
from provision.pages.markdown import below_mark, section, table

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


def pages() -> dict[Path, str]:
    """Return the page."""
    rules = sorted(RULES, key=lambda rule: _order(rule.ids))
    held = [[", ".join(rule.ids), f"`{rule.name}`", rule.text] for rule in rules]
    unheld = [[", ".join(one.ids), one.asks, one.why] for one in sorted(UNHELD, key=lambda one: _order(one.ids))]
    written = section("Held", table(["ids", "rule", "what holds"], held))
    written += section("Not held, and why", table(["ids", "what is asked", "why it is not so"], unheld))
    return {_PAGE: below_mark(_PAGE.read_text(encoding="utf-8"), written)}


def _order(ids: Sequence[str]) -> tuple[bool, str, int]:
    """Return a key by which AWS's ids come first, and all in the order of their numbers."""
    kind, number = re.split(r"(?<=\D)(?=\d+$)", ids[0])
    return kind != "EC2.", kind, int(number)
