"""One run of an operation on a stack: preview or real, of an update, a refresh or a destroy."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

from rehearsal.engine.display import Display, header
from rehearsal.engine.errors import Cancelled, EngineError, Stopped, UpdateFailed
from rehearsal.engine.monitor import Engine, Monitor, Server
from rehearsal.engine.program import Program
from rehearsal.engine.providers import Providers
from rehearsal.engine.refresh import refresh_all
from rehearsal.engine.registration import Registrations
from rehearsal.engine.removal import remove_all
from rehearsal.engine.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.engine.session import Session
    from rehearsal.engine.wire import Properties

_PATIENCE = 5.0
"""Seconds that a program gets to end by itself once the engine answers no more."""

_AFTER_A_KILL = """\
These resources are in an unknown state because an earlier run was ended in the middle. `pulumi refresh` clears these
operations; of one interrupted while creating it asks first (with --clear-pending-creates it does not). What such a one
has made is in no state: look for it by its tags, and delete it by hand or adopt it with `pulumi import`."""


class Deployment:
    """An operation in progress."""

    def __init__(
        self, session: Session, verb: str, *, preview: bool, quiet: bool = False, refresh_first: bool = False
    ) -> None:
        session.check_passphrase()
        self.session = session
        self.verb = verb
        self.preview = preview
        self.refresh_first = refresh_first
        self.names = session.names
        self.config = session.settings.for_program() if verb == "update" else {}
        self.state = session.load_state(writable=not preview)
        self.olds = {each.urn: each for each in self.state.resources if not each.delete}
        self.display = Display(preview=preview, root=self.names.root, quiet=quiet)
        self.steps = Steps(self.state, self.display, preview=preview)
        self.server = Server()
        self.providers = Providers(self.server.address, self.olds, self.display)
        self.interrupted = False
        self.outputs: Properties | None = None

    def run(self) -> Display:
        """Do it and report; raise UpdateFailed or Cancelled where it did not end well."""
        self.display.say(header(self.verb, self.names.stack, preview=self.preview))
        self.display.say()
        with self._interruptible():
            try:
                {"update": self._update, "refresh": self._refresh, "destroy": self._destroy}[self.verb]()
            except Stopped:
                self.steps.wait_until_quiet()
            finally:
                self.server.stop()
                self.providers.close()
        bad = self.steps.failed or self.interrupted
        if bad:
            kind = "preview" if self.preview else "update"
            self.display.error(self.names.root, f"{kind} {'failed' if self.steps.failed else 'canceled'}")
        root = self.olds.get(self.names.root)
        self.display.finish(None if bad else self.outputs, root.outputs if root else None, duration=not self.preview)
        if bad:
            raise UpdateFailed if self.steps.failed else Cancelled
        return self.display

    def _update(self) -> None:
        self._warn_of_interrupted()
        registrations = Registrations(self.names, self.steps, self.providers, self.olds, self._package_config)
        self.server.start(Engine(self.display, lambda: self.steps.stopped), Monitor(registrations))
        if self.refresh_first:
            refresh_all(self.steps, self.providers)
            self.olds.clear()
            self.olds.update((each.urn, each) for each in self.state.resources if not each.delete)
        program = Program(
            self.session.project, self.names, self.server.address, self.config, self.display.note, preview=self.preview
        )
        try:
            while not program.ended(0.1):
                if self.steps.stopped:
                    self.steps.wait_until_quiet()
                    program.ended(_PATIENCE)
                    raise Stopped
        finally:
            program.end()
        self.steps.wait_until_quiet()
        if self.steps.stopped:
            raise Stopped
        try:
            program.check()
        except EngineError as error:
            if str(error):
                self.steps.fail(self.names.root, str(error))
            self.steps.failed = True
            raise Stopped from error
        registrations.finish()
        self.outputs = registrations.stack_outputs
        remove_all(self.steps, self.providers, self.state.unhandled)

    def _refresh(self) -> None:
        self.server.start(Engine(self.display, lambda: self.steps.stopped))
        refresh_all(self.steps, self.providers)
        root = self.olds.get(self.names.root)
        self.outputs = root.outputs if root else None

    def _destroy(self) -> None:
        self._warn_of_interrupted()
        self.server.start(Engine(self.display, lambda: self.steps.stopped))
        remove_all(self.steps, self.providers, list(self.state.resources))

    def _package_config(self, package: str) -> Properties:
        """Give the configuration of a default provider: what the stack sets in the package's own namespace."""
        prefix = f"{package}:"
        return {key.removeprefix(prefix): text for key, text in self.config.items() if key.startswith(prefix)}

    def _warn_of_interrupted(self) -> None:
        if not self.state.pending or self.preview:
            return
        lines = [f"  * {each.resource.urn}, interrupted while {each.kind}" for each in self.state.pending]
        self.display.message(
            self.names.root,
            "warning",
            f"Attempting to deploy or update resources with {len(lines)} pending operations from previous deployment.\n"
            + "\n".join(lines)
            + f"\n{_AFTER_A_KILL}",
        )
        self.state.forget_interrupted()

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """On the first Ctrl-C begin nothing new and let what runs end; on the second, end at once."""
        old = {each: signal.signal(each, self._interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in old.items():
                signal.signal(each, handler)

    def _interrupt(self, *_: Any) -> None:
        if self.interrupted:
            os._exit(Cancelled.exit_code)
        self.interrupted = True
        self.steps.stop()
        self.display.say("^C received; cancelling. If you would like to terminate immediately, press ^C again.")
        threading.Thread(target=self.providers.cancel, daemon=True).start()
