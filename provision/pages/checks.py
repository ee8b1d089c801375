"""What `make gpu-check` saw, as pages show it: a section for each check, a line for each recipe."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from provision.catalogue.tried import NO, PARTS, TRIED, sentences
from provision.pages.markdown import bullets, table

if TYPE_CHECKING:
    from provision.catalogue.catalogue import Catalogue
    from provision.catalogue.recipe import Recipe
    from provision.catalogue.tried import Check, Outcome

_HEAD = """
## Seen

By `make gpu-check`, whose files in `docs/tried` all of this comes from: set up, found done by a second setup, example
and bench, in a box that sees the machine's card. A mark above counts for the version that was tried, and for no other;
what failed gets none, and stands here with its last words. An image's own PyTorch may be another one than the recipe's:
what a bench ran with stands beside what it came to.
"""


def section(catalogue: Catalogue) -> str:
    """Return what all checks saw, the newest first; nothing where there was none."""
    parts = [_one(check) for check in catalogue.checks]
    return _HEAD + "".join(parts) if parts else ""


def of_recipe(recipe: Recipe) -> str:
    """Return what they saw of one recipe, for its page; nothing where there was none."""
    seen = bullets(sentences(recipe))
    return f"Seen by `make gpu-check`:\n\n{seen}" if seen else ""


def _one(check: Check) -> str:
    begun = [outcome for outcome in check.outcomes if outcome.seconds or outcome.state == TRIED]
    rows = [
        [_link(outcome), outcome.version, _state(outcome), *(_took(outcome, part) for part in PARTS), outcome.figure]
        for outcome in begun
    ]
    text = f"\n### {check.place}, on {check.image}, {check.date}\n\n"
    text += table(["recipe", "version", "", *PARTS, "bench came to"], rows) if rows else ""
    whys = bullets(map(_why, [outcome for outcome in check.outcomes if outcome.why]))
    return f"{text}\n{whys}" if rows and whys else text + whys


def _link(outcome: Outcome) -> str:
    return f"[{outcome.recipe}](recipes/{outcome.recipe}.md)"


def _state(outcome: Outcome) -> str:
    return f"**{TRIED}**" if outcome.state == TRIED else outcome.state


def _took(outcome: Outcome, part: str) -> str:
    return f"{outcome.seconds[part]:g} s" if part in outcome.seconds else ""


def _why(outcome: Outcome) -> str:
    """Return why a recipe was not tried through and through, and the last words of what failed."""
    state = "does not fit there" if outcome.state == NO else outcome.state
    said = textwrap.indent(outcome.said.strip(), " " * 6)
    return f"{_link(outcome)}, {state}: {outcome.why}" + (f"\n\n{said}\n" if said else "")
