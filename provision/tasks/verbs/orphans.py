"""`fab orphans`: what the account has of this project that no stack owns, what it costs, and how to be rid of it."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING

from provision.life import accounts
from provision.life.orphans import Standing, by_standing
from provision.life.removal import Remover
from provision.model.errors import BadInput, GpurigError
from provision.tasks.output import draw, tell
from provision.tasks.verb import verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from provision.life.accounts import Priced, Survey
    from provision.tasks.context import Context

OPTIONS = {
    "remove": "remove the orphans, after asking",
    "spare": "remove also snapshots and images that newer ones have taken the place of",
    "without_snapshot": "take no snapshot of a volume before it is removed: what is on it is gone",
    "gone": "a stack of yours whose state is lost for good, by its name or id: what is tagged for it is orphaned",
    "yes": "do not ask",
}
TITLES = {
    Standing.ORPHAN: "orphans: no stack owns them",
    Standing.NEW: "new: orphans, if no update is going on; not removed before they are 15 minutes old",
    Standing.SPARE: "spare: newer ones have taken their place (--spare removes them, too)",
    Standing.KEPT: "kept on purpose: never removed here",
    Standing.UNKNOWN: "not to be told: another person's perhaps; never removed here, unless --gone says whose they are",
}
STOPPED = "stopped; what is removed is removed, and the same command goes on with the rest"


@verb(options=OPTIONS, json="print one JSON document", limit="", stopped=STOPPED, short_options=False)
def orphans(
    c: Context,
    *,
    remove: bool = False,
    spare: bool = False,
    without_snapshot: bool = False,
    gone: list[str] | None = None,
    yes: bool = False,
) -> None:
    """Find what the account has of this project and no stack owns: after a killed update, or a lost state."""
    if (yes or spare or without_snapshot) and not remove:
        raise BadInput(["--yes, --spare and --without-snapshot say how to remove"], hint="fab orphans --remove …")
    survey = accounts.survey(gone or ())
    found = by_standing(survey.found)
    goes = [*found[Standing.ORPHAN], *(found[Standing.SPARE] if spare else ())]
    if c.json and not remove:
        print(json.dumps(_document(survey)))
        return
    _print(survey)
    if not remove:
        if goes:
            tell("to be rid of the orphans: fab orphans --remove")
        return
    if goes and _agreed(goes, yes=yes):
        _remove(survey, goes, snapshot=not without_snapshot, as_json=c.json)


def _agreed(goes: Sequence[Priced], *, yes: bool) -> bool:
    """Ask, unless it was answered before. Raises `BadInput` where there is nobody to be asked."""
    question = f"remove {len(goes)} of them, {_dollars(_sum(goes))} a month, for good? [y/N] "
    if yes:
        return True
    if not sys.stdin.isatty():
        raise BadInput(["--remove asks first, and there is no terminal"], hint="fab orphans --remove --yes")
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(survey: Survey, goes: Sequence[Priced], *, snapshot: bool, as_json: bool) -> None:
    """Remove what goes. Raises `GpurigError` where some of it is still there."""
    say = tell if as_json else print
    remover = Remover(survey.profile, survey.home, say, snapshot=snapshot)
    refused = remover.remove([one.thing for one in goes])
    saved = _sum([one for one in goes if one.thing.id not in refused])
    say(f"{len(goes) - len(refused)} removed, {_dollars(saved)} a month less; {len(refused)} still there")
    if as_json:
        removed = [one.thing.id for one in goes if one.thing.id not in refused]
        print(json.dumps({"removed": removed, "refused": refused}))
    if refused:
        lines = [f"{name}: {why}" for name, why in refused.items()]
        raise GpurigError(
            "\n".join(["not all of it is gone:", *lines]), hint="what AWS refused, the same command tries again"
        )
    tell("where an update was cut off: pulumi cancel, then pulumi refresh --clear-pending-creates")


def _print(survey: Survey) -> None:
    for standing, rows in by_standing(survey.found).items():
        if rows:
            _table(TITLES[standing], rows)
    if not any(by_standing(survey.found)[standing] for standing in (Standing.ORPHAN, Standing.NEW)):
        print(f"nothing of {survey.project} is without an owner in {', '.join(survey.regions)}")
    for line in _remarks(survey):
        tell(line)


def _remarks(survey: Survey) -> Iterator[str]:
    yield f"reckoned from list prices, not AWS's bill: {'; '.join(survey.sources)}"
    yield f"looked at: {', '.join(survey.regions)}, and the states of {', '.join(survey.stacks) or 'no stack'}"
    yield from (f"the state of {name} cannot be read: {why}" for name, why in survey.unreadable.items())
    yield from (f"not looked at: {where}: {why}" for where, why in survey.not_looked_at.items())
    if by_standing(survey.found)[Standing.NEW]:
        yield "only Pulumi's service tells of an update that is going on; with another backend, age has to do"


def _table(title: str, rows: Sequence[Priced]) -> None:
    from rich.box import SIMPLE  # noqa: PLC0415 - only a table needs it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE, title=title, title_justify="left")
    for head in ("what", "id", "stack", "box", "region", "a month", "why"):
        money = head == "a month"
        table.add_column(head, justify="right" if money else "left", no_wrap=money, overflow="fold")
    for one in rows:
        thing = one.thing
        cells = (thing.kind, thing.id, thing.stack, thing.host, thing.region or "everywhere", _month(one), one.why)
        table.add_row(*map(Text, cells))
    table.add_row("", "", "", "", "all", _dollars(_sum(rows)), "", style="bold")
    draw(table)


def _month(one: Priced) -> str:
    if one.month is None:
        return "unknown"
    return f"{'up to ' if one.at_most else ''}{_dollars(one.month)}"


def _sum(rows: Sequence[Priced]) -> float:
    return sum(one.month or 0.0 for one in rows)


def _dollars(amount: float) -> str:
    return f"${amount:.2f}"


def _document(survey: Survey) -> Mapping[str, object]:
    rows = [
        {
            "standing": one.standing,
            "kind": one.thing.kind,
            "id": one.thing.id,
            "stack": one.thing.stack,
            "host": one.thing.host,
            "region": one.thing.region,
            "usd_a_month": one.month,
            "at_most": one.at_most,
            "why": one.why,
        }
        for one in survey.found
    ]
    about = [field.name for field in dataclasses.fields(survey) if field.name != "found"]
    return {**{name: getattr(survey, name) for name in about}, "things": rows}
