"""How long an instance ran before its last start, kept where every laptop finds it: in a tag of the instance itself.

EC2 forgets: `LaunchTime` is that of the last start. So whoever starts a stopped instance notes first when it ran. One
that somebody starts past `fab` leaves a gap, which the ledger tells by its times; hours in a gap are unknown, never 0.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Self

from provision.aws import uptime
from provision.aws.clients import aws_errors, client_of, now_of, tag_pairs, tags_of
from provision.model import tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.aws.instances import Instance
    from provision.model.host import Host

VALUE_LIMIT = 256
"""Characters of a tag's value (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html, restrictions)."""
DAY = 86_400
START_TAKES = 900
"""Seconds from noting the last run to the next start that `fab start` may take: longer, and another started it."""
ATTACHED = 300
"""Seconds by which EC2 may say that the root disk was attached before or after the first start."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_NUMBER = "([0-9a-z]{1,12})"
_FORM = re.compile(rf"1 {_NUMBER} {_NUMBER} {_NUMBER}((?: [0-9a-z]{{1,12}}(?:[+][0-9a-z]{{1,12}}|-))*)")


@dataclasses.dataclass(frozen=True)
class Run:
    """From a start of an instance to its stop."""

    began: int
    """Seconds of UTC."""
    seconds: int | None
    """None: nobody knows when it stopped."""

    @classmethod
    def read(cls, word: str) -> Self:
        """Read START+SECONDS, or START- for one whose length is not known."""
        began, plus, seconds = word.partition("+")
        return cls(int(began.rstrip("-"), 36), int(seconds, 36) if plus else None)

    def __str__(self) -> str:
        """Return it as the ledger has it."""
        return _base36(self.began) + ("-" if self.seconds is None else f"+{_base36(self.seconds)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ledger:
    """The runs of an instance before its last start; times in seconds of UTC, lengths in seconds."""

    older: int = 0
    """How long it ran in all in runs that are not listed any more."""
    noted: int = 0
    """When the last run was written down; 0: none was."""
    lost: int = 0
    """Times that it ran, once or more often, without anybody writing it down."""
    runs: tuple[Run, ...] = ()
    """The oldest first; as many as there is room for."""

    @classmethod
    def read(cls, carried: Mapping[str, str]) -> Self:
        """Read an instance's ledger from its tags. A value that no gpurig wrote counts as lost."""
        value = carried.get(tags.UPTIME, "")
        if not value:
            return cls()
        found = _FORM.fullmatch(value)
        if not found:
            return cls(lost=1)
        older, noted, lost = (int(found[number], 36) for number in (1, 2, 3))
        return cls(older=older, noted=noted, lost=lost, runs=tuple(map(Run.read, found[4].split())))

    def __str__(self) -> str:
        """Return it as the tag has it, 256 characters at most: the oldest runs become a sum where there is no room.

        "1", `older`, `noted` and `lost`, then the runs; numbers to the base 36, as `int(text, 36)` reads them.
        """
        ledger = self
        while len(text := ledger._text()) > VALUE_LIMIT:
            first, *rest = ledger.runs
            older, lost = ledger.older + (first.seconds or 0), ledger.lost + (first.seconds is None)
            ledger = dataclasses.replace(ledger, older=older, lost=lost, runs=tuple(rest))
        return text

    def _text(self) -> str:
        return " ".join(["1", *map(_base36, (self.older, self.noted, self.lost)), *map(str, self.runs)])

    @property
    def gaps(self) -> int:
        """How often it ran for a time that nobody knows, at least."""
        return self.lost + sum(run.seconds is None for run in self.runs)

    def hours(self, now: float, launched: float | None) -> float:
        """Return how many hours an instance ran in all until `now`, at least: those of `gaps` are not in it.

        `launched`: its last start, None where that run does not count. For one that is stopped, `now` is when it did.
        """
        before = self.older + sum(run.seconds or 0 for run in self.runs)
        return (before + sum(end - begin for begin, end in self._last(now, launched))) / 3600

    def hours_at_most(self, now: float, launched: float | None, longest: float) -> float:
        """Return the hours as `hours` does, but each listed run of unknown length at its most; `lost` is not in it.

        That is until the next one began, or the ledger was written; `longest`: what no run was longer than, seconds.
        """
        ends = [*(run.began for run in self.runs[1:]), self.noted]
        spans = [end - run.began for run, end in zip(self.runs, ends, strict=False) if run.seconds is None]
        return self.hours(now, launched) + sum(min(max(0.0, span), longest) for span in spans) / 3600

    def by_day(self, now: float, launched: float | None, *, since: float, until: float) -> dict[int, float]:
        """Return the seconds that it ran on each day (UTC) from `since` to `until`, as far as the runs are listed.

        A day is its number since 1970-01-01. What is in `older`, and what nobody knows, is in none; the rest as in
        `hours`.
        """
        return {
            day: self.within(now, launched, since=day * DAY, until=(day + 1) * DAY)
            for day in range(int(since) // DAY, int(until) // DAY + 1)
        }

    def within(self, now: float, launched: float | None, *, since: float, until: float) -> float:
        """Return the seconds that it ran between two moments, as in `by_day`."""
        spans = [(float(run.began), float(run.began + (run.seconds or 0))) for run in self.runs]
        spans += self._last(now, launched)
        return sum(max(0.0, min(end, until) - max(begin, since)) for begin, end in spans)

    def _last(self, now: float, launched: float | None) -> list[tuple[float, float]]:
        """Return the run that is not in the ledger yet, if there is one."""
        return [] if launched is None or self._has(launched) else [(launched, max(launched, now))]

    def missed(self, launched: float, first: float | None = None) -> bool:
        """Tell whether it ran between what is in here and its last start, with nobody writing it down.

        `first`: when it was made, as its root disk's attachment says; None where that is not known.
        """
        if self._has(launched):
            return False
        if self.noted:
            return launched - self.noted > START_TAKES
        return first is not None and launched - first > ATTACHED

    def with_run(self, launched: float, stopped: float | None, now: float, first: float | None = None) -> Self:
        """Return the ledger with the last run of a stopped instance; one that has it takes only the time of noting.

        `stopped`: when it stopped, None where nobody says. `now`: of this entry. `first` as in `missed`.
        """
        if self._has(launched):
            return dataclasses.replace(self, noted=int(now))
        run = Run(int(launched), None if stopped is None else max(0, int(stopped) - int(launched)))
        lost = self.lost + self.missed(launched, first)
        return dataclasses.replace(self, noted=int(now), lost=lost, runs=(*self.runs, run))

    def _has(self, launched: float) -> bool:
        return any(run.began == int(launched) for run in self.runs)


def note(host: Host, instance: Instance) -> Ledger:
    """Write down when a stopped instance of a host ran last, before it is started and EC2 forgets; return the ledger.

    Again and again is no harm. Raises `GpurigError` where AWS does not take the tag.
    """
    account = client_of(host)
    with aws_errors(f"cannot note how long {instance.id} of {host} ran"):
        answer = account.describe_instances(InstanceIds=[instance.id])
        carried = tags_of(answer["Reservations"][0]["Instances"][0])
        now, stopped = now_of(answer), instance.stopped
        if stopped is None:
            stopped = uptime.stopped_at(host.profile, host.region, instance.id, launched=instance.launched, now=now)
        ledger = Ledger.read(carried).with_run(instance.launched, stopped, now, instance.first)
        account.create_tags(Resources=[instance.id], Tags=tag_pairs({tags.UPTIME: str(ledger)}))
    return ledger


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
