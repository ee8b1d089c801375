"""`fab builds`: the bucket of kept builds, what is in it, and how it comes to be."""

from __future__ import annotations

import collections
import json
from typing import TYPE_CHECKING

from provision.tasks.verb import verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provision.aws.bucket import Entry
    from provision.tasks.context import Context

OPTIONS = {"make": "make the bucket, closed to the public, with a lifecycle for old builds; one that is there stays"}


@verb(options=OPTIONS, limit="", json="print the builds as JSON", stopped="stopped; a bucket that was made stays")
def builds(c: Context, *, make: bool = False) -> None:
    """Show the bucket that the stack takes kept builds from, and what is in it."""
    from provision.life import bucket  # noqa: PLC0415 - it brings botocore's half second
    from provision.transport import settings  # noqa: PLC0415

    found = settings.read()
    new = bucket.make(found) if make else False
    there = bucket.opened(found)
    entries = there.contents()
    if c.json:
        print(json.dumps([_document(entry) for entry in entries], indent=2))
        return
    print(f"{there.place}, account {there.account}, {there.region}{': made' if new else ''}")
    for line in _lines(entries):
        print(line)


def _document(entry: Entry) -> dict[str, object]:
    size = sum(entry.files.values())
    return {"name": entry.name, "digest": entry.digest, "bytes": size, "signed": entry.at.isoformat()}


def _lines(entries: Iterable[Entry]) -> list[str]:
    """Return a line for each recipe and kind: how many builds, how large, how old the newest is."""
    groups = collections.defaultdict[str, list["Entry"]](list)
    for entry in entries:
        groups[entry.name.rpartition("-")[0]].append(entry)
    width = max(map(len, groups), default=0)
    return [
        f"{name:<{width}}  {len(some):>3}  {sum(sum(one.files.values()) for one in some) / 2**20:>9,.1f} MiB"
        f"  the newest of {max(one.at for one in some):%Y-%m-%d %H:%M} UTC"
        for name, some in sorted(groups.items())
    ] or ["no builds yet: the next `fab setup` that builds one sends it"]
