"""Ask every address what it has before anything is fetched."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from datasets.get.s3 import objects
from datasets.get.sources import Transient, Uploaded, redacted
from datasets.get.web import Web
from datasets.messages import Failure, back_off, bad_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from datasets.get.sources import Source

Answer = TypeVar("Answer")
TRIES = 4
"""Tries to get a first answer."""


def probe(order: Mapping[str, Any], scratch: Path) -> list[Source]:
    """Return the files behind the addresses. Raises `Failure` with all that is wrong, before any of them is fetched."""
    ways: dict[str, Callable[[str], Sequence[Source]]] = {
        "s3": lambda url: objects(url, order["endpoint"]),
        "put": lambda url: [Uploaded(scratch / "files" / f"{url.rpartition('/')[2]}.have")],
    }
    for scheme in ("http", "https"):
        ways[scheme] = lambda url: [Web(url, order["headers"])]

    def answer(url: str) -> Sequence[Source] | Failure:
        try:
            way = ways[url.partition(":")[0]]
            return with_retries(lambda: way(url), url)
        except Failure as stop:
            return stop

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(answer, order["urls"]))
    stops = [found for found in answers if isinstance(found, Failure)]
    if stops:
        raise Failure("\n".join(stop.lines[0] for stop in stops), *stops[0].lines[1:], code=stops[0].code)
    sources = [source for found in answers if not isinstance(found, Failure) for source in found]
    by_name: dict[str, str] = {}
    for source in sources:
        if (other := by_name.setdefault(source.info.name, source.address)) != source.address:
            problem = f"{other} and {source.address} are both a file {source.info.name}"
            raise bad_input(problem, "fetch each by its own --name")
    return sources


def with_retries(ask: Callable[[], Answer], url: str) -> Answer:
    """Ask an address again while another try may help. Raises `Failure`."""
    tries = 0
    while True:
        try:
            return ask()
        except Transient as error:
            tries += 1
            if tries == TRIES:
                look_there = shlex.quote(f"curl -sSI {shlex.quote(redacted(url))}")
                first = "" if url.startswith("s3:") else f"see what the box gets: fab ssh --command {look_there}\n"
                hint = f"{first}the same command tries again; what you have on your machine goes up by fab dataset-put"
                raise Failure(f"{error} ({TRIES} tries)", hint) from error
            back_off(tries, error.after)
