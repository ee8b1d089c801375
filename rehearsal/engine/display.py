"""What a deployment says: Pulumi's plain progress lines, then diagnostics, outputs and a count of what changed."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import TYPE_CHECKING, Any

from rehearsal.engine.outputs import output_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.engine.ops import Op
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.wire import Properties

_COUNTED = ("create", "update", "delete", "replace", "read")
_MARKS = {"create": "+ ", "update": "~ ", "delete": "- ", "replace": "+-", "read": "> "}
_PAST = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced", "read": "read"}


@dataclasses.dataclass(frozen=True)
class Step:
    """One step as it was shown, for the details of a preview."""

    op: Op
    resource: Resource


class Display:
    """Prints what happens, from any thread, and counts it."""

    def __init__(self, *, preview: bool, root: str, quiet: bool = False) -> None:
        self.preview = preview
        self.quiet = quiet
        self.steps: list[Step] = []
        self._root = root
        self._same: set[str] = set()
        self._errors: set[str] = set()
        self._messages: dict[str, list[str]] = {}
        self._begun: dict[str, float] = {}
        self._start = time.monotonic()
        self._lock = threading.RLock()

    def say(self, line: str = "") -> None:
        """Print a line."""
        if not self.quiet:
            with self._lock:
                print(line, flush=True)

    def _row(self, sign: str, urn: str, status: str, detail: str = "") -> None:
        self.say(" ".join(filter(None, (f" {sign:<2}", _kind(urn), _name(urn), status, detail))))

    def begin(self, op: Op, resource: Resource, detail: str = "") -> None:
        """Say that a step begins."""
        self._begun[resource.urn] = time.monotonic()
        if not self.preview and not resource.is_default_provider:
            self._row(op.sign, resource.urn, f"{op.doing} (0s)", detail)

    def end(self, op: Op, resource: Resource, detail: str = "") -> None:
        """Say that a step has ended well."""
        if resource.is_default_provider:
            return
        with self._lock:
            if not op.sign:
                self._same.add(resource.urn)
            self.steps.append(Step(op, resource))
        if op.sign or detail:
            took = time.monotonic() - self._begun.get(resource.urn, time.monotonic())
            status = op.plan if self.preview else f"{op.done} ({took:.2f}s)"
            self._row(op.sign, resource.urn, status if op.sign else "", detail)

    def fail(self, op: Op, resource: Resource, detail: str) -> None:
        """Say that a step has failed."""
        self._row(op.sign, resource.urn, op.plan if self.preview else f"**{op.doing} failed**", detail)

    def message(self, urn: str, severity: str, text: str) -> None:
        """Show a message about a resource now, and again under Diagnostics."""
        urn = urn or self._root
        prefix = "" if severity == "info" else f"{severity}: "
        with self._lock:
            self._messages.setdefault(urn, []).append(prefix + text.rstrip())
            if severity == "error":
                self._errors.add(urn)
        if text.strip():
            self._row("", urn, "", prefix + text.strip().splitlines()[0])

    def error(self, urn: str, text: str) -> None:
        """Show an error of a resource."""
        self.message(urn, "error", text)

    def note(self, line: str) -> None:
        """Show a line that the program or a plugin printed."""
        self.message(self._root, "info", line)

    @property
    def counts(self) -> dict[str, int]:
        """How many resources there were, by what was done to them."""
        plans = [step.op.plan for step in self.steps]
        return {plan: plans.count(plan) for plan in _COUNTED if plan in plans}

    @property
    def changes(self) -> bool:
        """Whether anything changes: to look at what is managed elsewhere is no change."""
        return bool(self.counts.keys() - {"read"})

    def finish(self, outputs: Properties | None, before: Properties | None, *, duration: bool) -> None:
        """Print what comes after the steps."""
        if self._messages:
            self.say("Diagnostics:")
            for urn, texts in self._messages.items():
                self.say(f"  {_kind(urn)} ({_name(urn)}):")
                for line in "\n".join(texts).split("\n"):
                    self.say(f"    {line}".rstrip())
                self.say()
        if outputs is not None and (lines := output_lines(outputs, before, changed_only=self.preview)):
            self.say("Outputs:")
            for line in lines:
                self.say(line)
            self.say()
        self.say("Resources:")
        for line in self._summary():
            self.say(f"    {line}")
        self.say()
        if duration:
            self.say(f"Duration: {round(time.monotonic() - self._start)}s")
            self.say()

    def _summary(self) -> list[str]:
        counts = self.counts
        lines = [f"{_MARKS[k]}{n} {'to ' + k if self.preview else _PAST[k]}" for k, n in counts.items()]
        same = f"{len(self._same)} unchanged"
        if len(counts) > 1:
            total = f"{sum(counts.values())} changes"
            lines.append(f"{total}. {same}" if self._same else total)
        elif self._same:
            lines.append(same)
        return [*lines, *([f"{len(self._errors)} errored"] if self._errors else [])]

    def show_details(self, before: Mapping[str, Resource]) -> None:
        """Print each step of a preview with the properties that change."""
        for step in self.steps:
            if not step.op.sign:
                continue
            resource, old = step.resource, before.get(step.resource.urn)
            self.say(f"{step.op.sign} {_kind(resource.urn)}: ({step.op.plan})")
            self.say(f"    [urn={resource.urn}]")
            news = {} if "delete" in step.op.plan else resource.inputs
            for line in output_lines(news, old.inputs if old else None, changed_only=True):
                self.say(f"  {line}")

    def document(self) -> dict[str, Any]:
        """Give the steps and counts for `--json`."""
        steps = [{"op": step.op.plan.replace(" ", "-") or "same", "urn": step.resource.urn} for step in self.steps]
        same = {"same": len(self._same)} if self._same else {}
        diagnostics = [{"urn": urn, "message": text} for urn, texts in self._messages.items() for text in texts]
        return {"steps": steps, "diagnostics": diagnostics, "changeSummary": {**self.counts, **same}}


def header(verb: str, stack: str, *, preview: bool) -> str:
    """Give the first line of an operation."""
    doing = {"update": "Updating", "refresh": "Refreshing", "destroy": "Destroying"}[verb]
    return f"Previewing {verb} ({stack}):" if preview else f"{doing} ({stack}):"


def _kind(urn: str) -> str:
    """Give the type as people write it: ``aws:ec2/vpc:Vpc`` is ``aws:ec2:Vpc``."""
    package, module, name = urn.split("::")[2].rsplit("$", 1)[-1].split(":", 2)
    return f"{package}:{module.split('/')[0]}:{name}" if package != "pulumi" else f"{package}:{module}:{name}"


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]
