"""The files of docs/iam, and the tables of docs/iam.md, written from the policies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.rights import POLICIES
from provision.pages.markdown import below_mark, section, table

if TYPE_CHECKING:
    from infra.rights.statement import Policy

DOCS = Path(__file__).parents[2] / "docs"


def pages() -> dict[Path, str]:
    """Return every file that is written, whole."""
    page = DOCS / "iam.md"
    files = {DOCS / "iam" / f"{policy.name}.json": policy.text() for policy in POLICIES}
    return {page: below_mark(page.read_text(encoding="utf-8"), _tables()), **files}


def _tables() -> str:
    rows = [[f"[{policy.name}](iam/{policy.name}.json)", policy.purpose] for policy in POLICIES]
    return section("The policies", table(["policy", "for"], rows)) + "".join(map(_statements, POLICIES))


def _statements(policy: Policy) -> str:
    rows = [
        [f"`{one.sid}`", ", ".join(f"`{name}`" for name in sorted(one.actions)), one.why] for one in policy.statements
    ]
    unseen = [[f"`{name}`", reason] for one in policy.statements for name, reason in sorted(one.unseen.items())]
    more = table(["no rehearsal shows", "why it is there"], unseen) if unseen else ""
    return section(f"`{policy.name}`", table(["statement", "rights", "why"], rows), more)
