"""The steps of a deployment, one resource each: asked of the provider, shown, and written down before and after."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from typing import TYPE_CHECKING

from rehearsal.engine.errors import EngineError, Stopped
from rehearsal.engine.ops import CREATE, DELETE, READ, SAME, UPDATE
from rehearsal.engine.plugin import PartlyCreated
from rehearsal.engine.state import touched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.engine.display import Display
    from rehearsal.engine.ops import Op
    from rehearsal.engine.provider import Provider
    from rehearsal.engine.resource import Resource
    from rehearsal.engine.state import State
    from rehearsal.engine.wire import Properties

Changes = list["Callable[[], object]"]


class Steps:
    """Runs steps for whichever thread asks, until one fails or the user interrupts."""

    def __init__(self, state: State, display: Display, *, preview: bool) -> None:
        self.state = state
        self.display = display
        self.preview = preview
        self.failed = False
        self._stopped = False
        self._running = 0
        self._quiet = threading.Condition()

    def fail(self, urn: str, message: str) -> None:
        """Report an error of one resource and let no new step begin."""
        self.display.error(urn, message)
        self.failed = True
        self.stop()

    def stop(self) -> None:
        """Let no new step begin; those that run go on. It takes no lock, for a signal handler calls it."""
        self._stopped = True

    @property
    def stopped(self) -> bool:
        """Whether new steps are refused."""
        return self._stopped

    def wait_until_quiet(self) -> None:
        """Wait until no work is in progress."""
        with self._quiet:
            self._quiet.wait_for(lambda: self._running == 0)

    @contextlib.contextmanager
    def work(self, urn: str) -> Iterator[None]:
        """Deal with one resource: an error inside is reported as its own; raise Stopped after the end was decided."""
        with self._quiet:
            if self._stopped:
                raise Stopped
            self._running += 1
        try:
            yield
        except Stopped:
            raise
        except EngineError as error:
            self.fail(urn, str(error))
            raise Stopped from error
        finally:
            with self._quiet:
                self._running -= 1
                self._quiet.notify_all()

    @contextlib.contextmanager
    def step(self, op: Op, resource: Resource, detail: str = "") -> Iterator[Changes]:
        """Run one step; the changes that the body collects are made to the state when it ends, well or not."""
        if self._stopped:
            raise Stopped
        self.display.begin(op, resource, detail)
        operation = self.state.begin(op.pending, resource) if op.pending and not self.preview else None
        changes: Changes = []
        try:
            yield changes
        except EngineError as error:
            self.state.end(operation, changes)
            self.display.fail(op, resource, detail)
            prefix = "Preview failed: " if self.preview else ""
            raise EngineError(prefix + str(error)) from error
        self.state.end(operation, changes)
        self.display.end(op, resource, detail)

    def keep(self, new: Resource, old: Resource) -> Resource:
        """Nothing to do for the provider; options such as `retain_on_delete` may have changed."""
        kept = dataclasses.replace(new, id=old.id, outputs=old.outputs, created=old.created, modified=old.modified)
        changes: Changes = [functools.partial(self.state.place, kept, instead_of=old)]
        self.state.end(None, changes, write=kept != old)
        self.display.end(SAME, kept)
        return kept

    def create(
        self, new: Resource, provider: Provider, op: Op = CREATE, detail: str = "", also: Changes | None = None
    ) -> Resource:
        """Create an object, and make other changes to the state in the same moment."""
        with self.step(op, new, detail) as changes:
            changes.extend(also or [])
            try:
                ident, outputs = provider.create(new, preview=self.preview)
            except PartlyCreated as error:
                changes.append(functools.partial(self.state.place, _made(new, error.ident, error.outputs, error)))
                raise
            made = _made(new, ident, outputs)
            changes.append(functools.partial(self.state.place, made))
        return made

    def update(self, old: Resource, new: Resource, provider: Provider, detail: str) -> Resource:
        """Change an object in place."""
        new = dataclasses.replace(new, id=old.id, created=old.created)
        with self.step(UPDATE, new, detail) as changes:
            try:
                outputs = provider.update(old, new, preview=self.preview)
            except PartlyCreated as error:
                half = _made(new, old.id, error.outputs, error)
                changes.append(functools.partial(self.state.place, half, instead_of=old))
                raise
            made = _made(new, old.id, outputs)
            changes.append(functools.partial(self.state.place, made, instead_of=old))
        return made

    def record(
        self, op: Op, new: Resource, old: Resource | None = None, detail: str = "", also: Changes | None = None
    ) -> Resource:
        """Note a resource that only the engine knows: a component, or a provider's configuration."""
        noted = touched(new, old)
        with self.step(dataclasses.replace(op, pending=""), new, detail) as changes:
            changes.extend(also or [])
            changes.append(functools.partial(self.state.place, noted, instead_of=old))
        return noted

    def read(self, new: Resource, old: Resource | None, provider: Provider, also: Changes) -> Resource:
        """Look at an object that is not managed here, and make other changes to the state in the same moment."""
        with self.step(READ, new) as changes:
            changes.extend(also)
            ident, inputs, outputs = provider.read(new)
            if not ident:
                raise EngineError(f"resource '{new.id}' does not exist")
            made = _made(dataclasses.replace(new, inputs=inputs), ident, outputs)
            changes.append(functools.partial(self.state.place, made, instead_of=old))
        return made

    def delete(self, old: Resource, provider: Provider | None, op: Op = DELETE) -> None:
        """Delete an object; without a provider, or where the user retains it, only forget it."""
        detail = "[retain]" if old.retain_on_delete and old.custom and not old.is_provider else ""
        with self.step(op, old, detail) as changes:
            if provider is not None and not detail and not self.preview:
                provider.delete(old)
            changes.append(functools.partial(self.state.remove, old))


def _made(new: Resource, ident: str, outputs: Properties, error: PartlyCreated | None = None) -> Resource:
    made = dataclasses.replace(
        new,
        id=ident,
        outputs=outputs,
        init_errors=error.reasons if error else (),
    )
    return touched(made, new if new.created else None)
