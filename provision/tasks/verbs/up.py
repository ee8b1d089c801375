"""`fab up`: a box from the cheapest offer that has capacity."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from typing import TYPE_CHECKING

from provision.model.errors import BadInput, GpurigError
from provision.tasks.output import tell
from provision.tasks.verb import verb
from provision.tasks.verbs.offers import usd

if TYPE_CHECKING:
    from provision.life.offers import Offer
    from provision.life.up import Attempts, Stack
    from provision.life.wish import Wish
    from provision.tasks.context import Context
    from provision.transport.settings import Kept

STOPPED = "stopped; `pulumi up` or `pulumi destroy` goes on from what is there, and so does the same command"
OPTIONS = {
    "max_price": "the most that an hour of the instance may cost, USD (default: the stack's type on demand)",
    "spot": "as spot; without it, as the stack is set",
    "plan": "show what would be tried, in order, and change nothing",
}


@verb(options=OPTIONS, limit="", stopped=STOPPED)
def up(c: Context, *, max_price: str = "", spot: bool = False, plan: bool = False) -> None:  # noqa: ARG001 - a verb gets it
    """Make the stack's boxes from the cheapest offer under a ceiling that has capacity: `pulumi up`, until one has."""
    from provision.life import up as life  # noqa: PLC0415 - it brings botocore's half second
    from provision.life.offers import Market  # noqa: PLC0415
    from provision.life.wish import Wish  # noqa: PLC0415
    from provision.transport import inventory, settings  # noqa: PLC0415

    found = settings.required()
    wish = Wish.of(found, spot=spot)
    ceiling = usd(max_price) or _price_of_the_type(wish)
    wish = dataclasses.replace(wish, max_price=ceiling)
    stack = life.Stack.look(wish)
    stack.refuse_boxes()
    market = Market.look(dataclasses.replace(wish, max_price=None))
    for note in market.notes:
        tell(note)
    stays = life.why_it_stays(found, stack)
    can = life.ordered(market.best(), stack, found.get("zone"), moves=not stays)
    under = [offer for offer in can if (offer.usd or 0.0) <= ceiling]
    if stays:
        tell(f"only {', '.join(sorted({*stack.volumes.values()}))} will do: {stays}")
    dearer = [offer for offer in can if (offer.usd or 0.0) > ceiling]
    if plan:
        _show(under, dearer, ceiling, stack)
        return
    kept = settings.Kept()
    try:
        made = _first(life.Attempts(under), wish) or _dearer(life.Attempts(dearer), wish)
    except BaseException:
        _put_back(kept, wish)
        raise
    with contextlib.suppress(GpurigError):  # the box is made, whatever is to be said of others
        inventory.load(tell)  # and what is below ~/.ssh names it
    _tell_made(made, wish)


def _put_back(kept: Kept, wish: Wish) -> None:
    """Put the settings back as they were, unless a box is there by now: they say what it is."""
    from provision.life import up as life  # noqa: PLC0415 - as above

    try:
        boxes = life.Stack.look(wish).boxes
    except GpurigError:
        boxes = {}
    if boxes:
        tell(f"the settings stay, as {', '.join(boxes)} was made by them: pulumi up goes on, pulumi destroy ends it")
    else:
        kept.restore()


def _price_of_the_type(wish: Wish) -> float:
    """Return the default ceiling. Raises `BadInput` where nobody says what the stack's type costs."""
    from provision.aws import prices  # noqa: PLC0415 - as above

    quote = prices.on_demand(wish.profile, wish.region, wish.instance_type)
    if quote is None:
        problem = f"nobody says what {wish.instance_type} costs in {wish.region}, which would be the ceiling"
        raise BadInput([problem], hint="--max-price 0.60 sets one, USD an hour")
    tell(f"ceiling: ${quote.usd:.3f} an hour, what {wish.instance_type} costs on demand ({quote.source})")
    return quote.usd


def _show(under: list[Offer], dearer: list[Offer], ceiling: float, stack: Stack) -> None:
    """Print the order, and what is asked before."""
    for number, offer in enumerate(under, 1):
        moved = stack.volumes and {*stack.volumes.values()} != {offer.zone}
        print(f"{number}. {offer}{'; the jobs follow by a snapshot' if moved else ''}")
    if dearer:
        print(f"above the ceiling of ${ceiling:.3f}, asked before each: {dearer[0]} and {len(dearer) - 1} more")
    if not (under or dearer):
        print("nothing can be had: fab offers --all says why")


def _first(attempts: Attempts, wish: Wish) -> Offer | None:
    """Try offers until one has capacity; None where none has."""
    while offer := attempts.next():
        if _try(offer, attempts, wish):
            return offer
    return None


def _dearer(attempts: Attempts, wish: Wish) -> Offer:
    """Try offers above the ceiling, each after asking. Raises `GpurigError` where none was had."""
    while offer := attempts.next():
        if not sys.stdin.isatty():
            enough = math.ceil((offer.usd or 0.0) * 1000) / 1000  # rounded down, it would be a little too little
            hint = f"--max-price {enough:.3f} allows it; `fab offers` shows all, later may do as well"
            raise GpurigError(f"nothing under the ceiling has capacity; the next is {offer}", hint=_left(wish, hint))
        if not _agreed(offer, wish):
            raise GpurigError(
                "nothing under the ceiling has capacity", hint=_left(wish, "later may do, or --max-price")
            )
        if _try(offer, attempts, wish):
            return offer
    hint = "fab offers --all says what is in the way of the others; another region may have some; later may do"
    raise GpurigError("nothing that can run this has capacity", hint=_left(wish, hint))


def _agreed(offer: Offer, wish: Wish) -> bool:
    question = f"nothing under ${wish.max_price:.3f} an hour has capacity; take {offer}? [yes/no] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _try(offer: Offer, attempts: Attempts, wish: Wish) -> bool:
    """Have Pulumi make an offer; returns whether it is made."""
    from provision.life import up as life  # noqa: PLC0415 - as above

    tell(f"trying {offer}")
    codes = life.take(offer, wish, life.Stack.look(wish), tell)
    boxes = life.Stack.look(wish).boxes
    if not codes and len(boxes) < wish.hosts:
        hint = "fab doctor and pulumi refresh show more; then fab up again"
        raise GpurigError(
            f"`pulumi up` says that all is made, and EC2 has {len(boxes)} of {wish.hosts} boxes", hint=hint
        )
    if not codes:
        return True
    if boxes:
        # Of several hosts: another offer would change, stop or replace those that are there.
        there = f"{len(boxes)} of {wish.hosts} boxes are there, the others were refused ({', '.join(codes)})"
        hint = "pulumi up tries again for the others; pulumi config set gpurig:hosts settles for these; pulumi destroy"
        raise GpurigError(f"{offer}: {there}", hint=hint)
    attempts.refused(offer, codes)
    tell(f"not to be had: {offer} ({', '.join(codes)})")
    return False


def _left(wish: Wish, hint: str) -> str:
    """Add to a hint what the tries have left, which is billed."""
    from provision.life import up as life  # noqa: PLC0415 - as above

    try:
        stack = life.Stack.look(wish)
    except GpurigError as error:
        return f"{hint}\nwhat the tries left is not known: {error.what}"
    there = [*stack.boxes, *(f"{id_} in {zone}" for id_, zone in {**stack.volumes, **stack.spare}.items())]
    kept = f"\nthe settings are as they were; there still is {', '.join(there)}: pulumi destroy, or the next fab up"
    return hint + (kept if there else "\nthe settings are as they were")


def _tell_made(offer: Offer, wish: Wish) -> None:
    """Say what is there now, and what it costs."""
    boxes = "the box is" if wish.hosts == 1 else f"{wish.hosts} boxes are"
    each = "" if wish.hosts == 1 else " each"
    print(f"{boxes} made: {offer}{each} ({offer.source})")
    print("disks and address come on top: pulumi stack output price")
    print(f"next: fab setup-{wish.recipe}")
