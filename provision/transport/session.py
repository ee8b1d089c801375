"""Talk to the program on a host: one command over SSH, one stream of events back, also across reboots."""

from __future__ import annotations

import shlex
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from provision.agent.verbs import Verb
from provision.agent.words import Kind
from provision.bundle import program
from provision.model.errors import BadInput, GpurigError, NotHere, RunInterrupted, Unreachable
from provision.model.target import Target
from provision.transport import background, calls, launcher, whereabouts
from provision.transport.answers import ENDINGS, ours, place_after
from provision.transport.builds import Builds
from provision.transport.connection import Connection, Dropped, dropping
from provision.transport.sudo import AsRoot, PasswordWanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from provision.agent.wire import answers
    from provision.agent.wire.documents import Account
    from provision.agent.wire.events import Event
    from provision.agent.wire.requests import Apply, Place, Request
    from provision.bundle.step import Bundle
    from provision.model.host import Host

Answer = TypeVar("Answer", bound="Mapping[str, object]")
Item = TypeVar("Item")

RECONNECT_SECONDS = 600
DROPS = 30
"""Connections in a row that may break without having brought an event."""


class Session:
    """The program on one host. Use as a context manager; connects when first asked; `waits`: for one that boots."""

    def __init__(
        self, host: Host, config: Any = None, *, tell: Callable[[str], None] = print, waits: bool = True
    ) -> None:
        self.host = whereabouts.known(host)
        self.config, self.tell, self.waits = config, tell, waits
        self._connection: Connection | None = None
        self._opening: Future[Connection] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connection(self) -> Connection:
        """The open connection; opened when there is none. Raises `Unreachable` or `UntrustedHost`."""
        opening, self._opening = self._opening, None
        if opening is not None:
            self._connection = opening.result()
        if self._connection is None or not self._connection.is_connected:
            self._connection = self._open()
        return self._connection

    def begin(self) -> None:
        """Begin to connect, while the caller renders; what goes wrong comes up when the connection is asked for."""
        self._opening = background.begin(self._open)
        program.digest()  # what the first request names: it is known by then

    def _open(self) -> Connection:
        connection = Connection(self.host, self.config, tell=self.tell, waits=self.waits)
        try:
            connection.open()
        except BaseException:
            connection.close()
            raise
        self.host = connection.rig_host  # where it was found
        return connection

    def close(self) -> None:
        """Drop the connection, also one that is being opened; what runs on the host goes on."""
        opening, self._opening = self._opening, None
        if opening is not None:
            background.drop(opening)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def mount_point(self) -> PurePosixPath:
        """The folder on the host that holds runs and work: the job volume's, or what stands in for it."""
        return PurePosixPath(self._target.mount_point)

    @property
    def _target(self) -> Target:
        return self.host.target or Target()

    def ask(self, request: Request, bundle: Bundle | None = None) -> Iterator[Event]:
        """Yield the events that answer a request; `bundle`: what it is about, where it names one by its digest.

        Raises `Dropped` when the connection ends in the middle, and `BadInput` where the host refuses.
        """
        said: list[str] = []
        with dropping(self.host):
            call, events = calls.begin(self.connection, request)
            for event in events:
                if event["event"] == Kind.SEND:
                    call.channel.sendall(self._whole(request, bundle, agent=event["agent"]))
                    call.channel.shutdown_write()
                elif event["event"] == Kind.REFUSED:
                    raise (NotHere if event["missing"] else BadInput)([event["problem"]], hint=event["hint"])
                elif event["event"] != Kind.ALIVE:
                    if event["event"] == Kind.LOG and not event["step"]:
                        said.append(event["line"])
                    yield event
            status = call.end()
        if status == -1:
            raise Dropped(self.host, "it was closed")
        if status:
            call.sudo.check(said)
            words = "\n".join(said)[-2000:]
            raise GpurigError(f"the program on {self.host} ended with exit code {status}: {words}")

    def _whole(self, request: Request, bundle: Bundle | None, *, agent: bool) -> bytes:
        if bundle:
            request = cast("Request", {**request, "bundle": bundle.to_bytes().decode("ascii")})
        target = self._target
        place, volume, user = target.mount_point, target.volume_id, self.connection.user
        account: Account = {"user": user, "mount_point": place, "volume_id": volume}
        return launcher.whole(request, account, agent=agent)

    def root(self, command: str) -> tuple[int, str]:
        """Run a shell command as root on the host; returns its exit code and what it said, on both streams.

        Raises `Unreachable` when sudo wants a password, or a better one.
        """
        with dropping(self.host):
            return AsRoot(self.connection, f"sh -c {shlex.quote(f'exec </dev/null; {command}')}").outcome()

    def answer(self, request: Request, kind: type[Answer], bundle: Bundle | None = None) -> Answer:
        """Return the event of a type of `wire.answers` that answers a request.

        Raises `GpurigError` with what was said instead where there is none.
        """
        from provision.agent.wire.events import kind_of  # noqa: PLC0415 - a setup, which most ask for, has no one answer

        name, said, found = kind_of(kind), "", None
        for event in self.ask(request, bundle):
            if event["event"] == Kind.LOG:
                said = f": {event['line']}"
            found = event if event["event"] == name else found
        if found is None:
            raise GpurigError(f"{self.host} did not answer what was asked{said}")
        return cast("Answer", found)

    def facts(self) -> answers.Facts:
        """Return what the machine is."""
        from provision.agent.wire import answers  # noqa: PLC0415

        return self.answer({"verb": Verb.FACTS}, answers.Facts)

    def plan(self, bundle: Bundle) -> answers.Plan:
        """Return what a setup would find."""
        from provision.agent.wire import answers  # noqa: PLC0415

        return self.answer({"verb": Verb.PLAN, "digest": bundle.digest, "bundle": ""}, answers.Plan, bundle)

    def apply(self, bundle: Bundle, *, fresh: bool = False) -> Iterator[Event]:
        """Yield the events of bringing the host to `bundle`, until it is ready, unchanged or failed.

        A dropped connection or a reboot in the middle is bridged. Raises `RunInterrupted` when the setup was killed.
        What the host keeps of it on its job volume is signed before it ends, and goes to the bucket where there is one.
        """
        place: Place | None = None
        kept = Builds(self.host, bundle, self.answer, self.tell)
        begin = kept.begin(fresh=fresh)

        def attempt() -> Iterator[Event]:
            nonlocal place
            follow: Request | None = {"verb": Verb.FOLLOW, **place} if place else None
            for event in ours(self.ask(follow, bundle) if follow else self._begun(begin, bundle, kept)):
                place = place_after(event, place)
                if event["event"] == Kind.OFFER:
                    kept.keep(event["entries"])
                    continue
                yield event
                if event["event"] == Kind.LOST:
                    raise self._killed(event["steps"])
                if event["event"] in ENDINGS:
                    return
            raise Dropped(self.host, "it reboots" if place else "the answer ended early")

        return self.bridged(attempt)

    def _begun(self, begin: Apply, bundle: Bundle, kept: Builds) -> Iterator[Event]:
        """Yield what answers a setup's request; a host that wants kept builds for it is asked again, with these."""
        asks_again = False
        for event in self.ask(begin, bundle):
            if event["event"] == Kind.WANTED:
                begin["builds"] = kept.lend(event["entries"])
                asks_again = True
            else:
                yield event
        if asks_again:
            yield from self.ask(begin, bundle)

    def bridged(self, attempt: Callable[[], Iterator[Item]]) -> Iterator[Item]:
        """Yield what an attempt does; where its connection drops, connect again and make the next one.

        To go on where the one before it was is the attempt's own business. Raises `Unreachable` where nothing was ever
        answered, and after `DROPS` attempts in a row that brought nothing.
        """
        drops, began = 0, False
        while True:
            try:
                for item in attempt():
                    drops, began = 0, True
                    yield item
            except Unreachable as error:
                drops += 1
                # What was never answered at all has no place to come back to.
                hopeless = isinstance(error, PasswordWanted) or not (began or isinstance(error, Dropped))
                if hopeless or drops > DROPS:
                    raise
                self.reconnect(error.why if isinstance(error, Dropped) else error.what)
            else:
                return

    def _killed(self, steps: Sequence[str]) -> RunInterrupted:
        message = f"the run on {self.host} was killed in step {' and '.join(steps) or '(none yet)'}"
        return RunInterrupted(message, hint="nothing half-done counts: the same command goes on from there")

    def reconnect(self, why: str) -> None:
        """Wait until the host answers again. Raises `Unreachable` when it does not in time, `NotRunning` at once."""
        self.close()
        self.tell(f"connection to {self.host} lost ({why}); the run goes on there, connecting again")
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            # A machine that goes down for a reboot still takes connections for a moment, and drops them.
            time.sleep(1)
            try:
                _ = self.connection
            except Unreachable as error:
                if isinstance(error, whereabouts.NotRunning) or time.monotonic() > deadline:
                    raise
            else:
                return
