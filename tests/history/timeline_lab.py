"""Hosts that tell what was done on them, and `fab timeline`'s page about them as a browser reads it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from provision.history.journal import Journal
from provision.history.timeline import Page
from provision.transport.inventory import Host

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = Host(name="box", address="192.0.2.7", instance_type="g4dn.xlarge", price_per_hour=0.526)
NOON = 1_800_000_000.0
"""A moment to count from, in seconds of UTC."""
VOID = {"meta", "input", "link", "br", "img"}


class Element:
    """An element of a page with what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "", **attributes: str) -> list[Element]:
        """Return the elements below of a kind; of `class`, one word has to be there."""
        found = []
        for child in self.children:
            if isinstance(child, Element):
                wanted = {key.strip("_"): value for key, value in attributes.items()}
                fits = all(value in (child.attributes.get(key) or "").split() for key, value in wanted.items())
                found += [child] if fits and tag in ("", child.tag) else []
                found += child.all(tag, **attributes)
        return found


class Reader(HTMLParser):
    """Reads a page; fails where an end tag has no beginning."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack = [Element("", {})]
        self.feed(text)
        self.close()
        assert len(self.stack) == 1, [element.tag for element in self.stack]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.stack[-1].children.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.stack[-1].children.append(data)


def event(at: float, kind: str, run: str = "r1", **fields: Any) -> dict[str, Any]:
    """Return an event of the runner's journal."""
    return {"run": run, "event": kind, "at": NOON + at, **fields}


def step(at: float, name: str, state: str, run: str = "r1", **fields: Any) -> dict[str, Any]:
    more = {"was": "missing", "notes": []} if state == "installing" else {}
    return event(at, "step", run, step=name, state=state, **{**more, **fields})


def ran(name: str, since: float, seconds: float, state: str = "done", **fields: Any) -> dict[str, Any]:
    asked = {"name": name, "command": f"python {name}.py", "path": f"/jobs/runs/{name}"}
    return {**asked, "state": state, "since": NOON + since, "seconds": seconds, "code": 0, "why": "", **fields}


def told(
    events: Sequence[Any] = (),
    runs: Sequence[Any] = (),
    *,
    boots: Sequence[Any] = ((-60, 5000),),
    now: float = 5000,
    alive: str = "",
    logs: Sequence[Any] = (),
) -> Journal:
    """Return the journal of a host that told this."""
    rows = [[NOON + begin, NOON + end] for begin, end in boots]
    document = {"now": NOON + now, "boots": rows, "events": list(events), "alive": alive, "runs": list(runs)}
    tails = [
        {"kind": kind, "name": name, "lines": lines, "whole": True, "size": 9, "why": ""} for kind, name, lines in logs
    ]
    return Journal.from_document(HOST, document, tails)


def read(*journals: Journal, silent: Sequence[Any] = ()) -> Element:
    """Return the page about these hosts, as a browser gets it."""
    return Reader(Page(journals, silent).html().encode().decode()).stack[0]


def rows(page: Element) -> dict[str, str]:
    """Return of each line its state, by its name."""
    return {row.all(_class="name")[0].text.strip(): row.all(_class="state")[0].text for row in page.all("li")}
