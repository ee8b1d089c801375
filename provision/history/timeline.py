"""`fab timeline`'s page: the journals of all hosts on one time axis, with their logs, in one file."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import time
from typing import TYPE_CHECKING

from provision.catalogue.folders import TEMPLATES
from provision.history.axis import Axis
from provision.history.rows import sections
from provision.model.words import amount, took

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from provision.history.journal import Journal
    from provision.history.rows import Row, Section
    from provision.model.errors import GpurigError
    from provision.model.host import Host

FOLDER = TEMPLATES / "timeline"
ZOOMS = (1, 2, 4, 8, 16, 32)
NARROW = 0.8
"""Percent of the axis that keeps one run's bar from another's in the same lane, at least."""
# What text of a terminal may hold beside itself: colours, movements, titles; other controls; turns of the direction.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]?", re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclasses.dataclass(frozen=True)
class HostPage:
    """What is on the page of one host."""

    id: str
    journal: Journal
    sections: tuple[Section, ...]

    def rows(self, kind: str) -> list[Row]:
        """Return its steps or runs, from the first on."""
        rows = [row for section in self.sections for row in section.rows if row.kind == kind]
        return sorted(rows, key=lambda row: row.begin)

    def busy(self) -> list[tuple[float, float]]:
        """Return the spans of time in which something went on, and the moments when something changed."""
        edges = [edge for boot in self.journal.boots for edge in (boot.begin, boot.end) if edge]
        spans = [(row.begin, row.end) for kind in ("step", "run", "notice") for row in self.rows(kind)]
        return [*spans, *((moment, moment) for moment in (*edges, self.journal.now))]


class Page:
    """All that the template reads."""

    def __init__(self, journals: Sequence[Journal], silent: Sequence[tuple[Host, GpurigError]]) -> None:
        ids = [f"host-{number}" for number in range(1, len(journals) + 1)]
        self.hosts = [
            HostPage(i, journal, tuple(sections(journal, i))) for i, journal in zip(ids, journals, strict=True)
        ]
        self.silent = silent
        """Hosts that did not answer, and why."""
        self.taken = time.time()
        busy = [span for page in self.hosts for span in page.busy()]
        self.axis = Axis.of(busy) if busy else None

    def lanes(self, page: HostPage) -> list[tuple[str, list[Row]]]:
        """Return a host's lanes by name: notices in one, steps and runs in as few as keep them from each other."""
        notices = page.rows("notice")
        steps = _packed(page.rows("step"), lambda last, row: last.end <= row.begin)
        runs = _packed(page.rows("run"), lambda last, row: self._over(last) <= self.edges(row.begin, row.end)[0])
        told = (("EC2", [notices] if notices else []), ("setup", steps), ("runs", runs))
        return [("" if number else name, lane) for name, lanes in told for number, lane in enumerate(lanes)]

    def _over(self, row: Row) -> float:
        left, width = self.edges(row.begin, row.end)
        return left + max(width, NARROW)

    def edges(self, begin: float, end: float) -> tuple[float, float]:
        """Return where a span of time is drawn: its left edge and its width, in percent of the axis."""
        assert self.axis is not None, "there is a span of time, so there is an axis"  # noqa: S101
        left = self.axis.at(begin)
        return left, self.axis.at(end) - left

    def html(self) -> str:
        """Return the page."""
        import jinja2  # noqa: PLC0415 - 40 ms that `fab --list` need not pay
        from markupsafe import Markup  # noqa: PLC0415

        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(FOLDER),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_clean,
        )
        environment.filters.update(iso=_iso, clock=_clock, amount=amount, took=took)
        script, style = ((FOLDER / name).read_text(encoding="utf-8") for name in ("script.js", "style.css"))
        # Logs are on this page: it may run this script, and load nothing.
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        inline = {"script": Markup(script), "style": Markup(style)}  # noqa: S704 - files of ours
        return environment.get_template("page.html.j2").render(page=self, zooms=ZOOMS, digest=digest, **inline)


def _packed(rows: Sequence[Row], comes_after: Callable[[Row, Row], bool]) -> list[list[Row]]:
    """Return rows, in their order, in as few lanes as let each come after the one before it."""
    lanes: list[list[Row]] = []
    for row in rows:
        lane = next((lane for lane in lanes if comes_after(lane[-1], row)), None)
        if lane is None:
            lanes.append([row])
        else:
            lane.append(row)
    return lanes


def _clean(value: object) -> object:
    """Return what is left of a text when all that a terminal would act on is taken out."""
    if type(value) is not str:  # what is markup already stays so
        return value
    return _CONTROLS.sub("\ufffd", _ESCAPES.sub("", value))


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _clock(seconds: float, form: str) -> str:
    return time.strftime(form, time.gmtime(seconds))
