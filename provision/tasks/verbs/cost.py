"""`fab cost`: what the stack has cost so far, what a week like this one costs, and what the ceiling leaves."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from provision.life.spending import spending
from provision.model.words import counted, minute
from provision.tasks.output import draw, tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provision.life.cost import Row
    from provision.life.spending import Spending
    from provision.tasks.context import Context

NOT_THE_BILL = (
    "reckoned from AWS's times and list prices; it is not AWS's bill, and has no data transfer, tax or discount"
)
FORGOTTEN = "what is gone is in no row: EC2 forgets a terminated box after about an hour, a deleted volume at once"


@verb(json="print one JSON document", limit="")
def cost(c: Context) -> None:
    """Show what the stack has cost by each box, disk and snapshot, and what it costs as it is."""
    found = spending()
    if c.json:
        about = {**dataclasses.asdict(found), "currency": "USD", "is_the_bill": False, "not_in_it": FORGOTTEN}
        print(json.dumps(about))
        return
    if found.rows:
        _table(found)
    else:
        print(f"{found.stack} has nothing in {', '.join(found.regions)}")
    for line in _lines(found):
        print(line)
    for line in (*found.sources, NOT_THE_BILL, FORGOTTEN):
        tell(line if line in (NOT_THE_BILL, FORGOTTEN) else f"prices: {line}")
    for where, why in found.not_looked_at.items():
        tell(f"not looked at: {where}: {why}")


def _lines(found: Spending) -> Iterator[str]:
    total = found.total
    week = "this one" if total.days > 6.9 else f"the last {counted(round(total.days), 'day')}"
    yield f"a week like {week}: {_usd(total.like_this)}; left as it is: {_usd(total.month)} a month"
    if total.unknown:
        yield f"at least: {counted(total.unknown, 'row')} without a price, or billed for a time that nobody knows"
    for one in found.ceilings:
        left = [
            *([f"{_usd(one.usd)} of gpurig:maxSpend"] if one.usd is not None else []),
            *([f"{one.hours:.1f} hours until AWS ends it"] if one.hours is not None else []),
        ]
        if left:
            yield f"the ceiling leaves {one.host} ({one.id}) {' and '.join(left)}"
    if not found.ceilings and any(row.what == "instance" for row in found.rows):
        yield "no ceiling is set: pulumi config set gpurig:maxSpend 40, or gpurig:maxHours 12"


def _table(found: Spending) -> None:
    from rich.box import SIMPLE  # noqa: PLC0415 - only a table needs it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE, title=f"{found.stack}, USD", title_justify="left")
    for head in ("what", "id", "box", "region", "state", "since", "hours", "spent", "7 days", "an hour now", ""):
        numbers = head in ("hours", "spent", "7 days", "an hour now")
        # On a narrow terminal words and ids break; money never does.
        table.add_column(head, justify="right" if numbers else "left", no_wrap=numbers, overflow="fold")
    for row in found.rows:
        table.add_row(*map(Text, _cells(row)))
    hour = sum(row.hour or 0.0 for row in found.rows)
    sums = (_usd(found.total.spent), _usd(found.total.week), f"${hour:.4f}")
    table.add_row("all", *[""] * 6, *sums, "", style="bold")
    draw(table)


def _cells(row: Row) -> tuple[str, ...]:
    since = "" if row.since is None else minute(row.since)
    most = "≤" if row.at_most else ""
    least = "≥" if row.incomplete else ""
    hour = "unknown" if row.hour is None else f"{most}${row.hour:.4f}"
    return (
        *(row.what, row.id, row.host, row.region, row.state, since, f"{least}{row.hours:.1f}"),
        *(f"{most}{least}{_usd(row.spent)}", f"{most}{least}{_usd(row.week)}", hour, row.remark),
    )


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else f"${amount:.2f}"
