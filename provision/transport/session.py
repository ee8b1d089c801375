"""Talk to the runner on a host: one command over SSH, one stream of events back, also across reboots."""

from __future__ import annotations

import json
import shlex
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import paramiko
from invoke.exceptions import AuthFailure

from provision.model.errors import GpurigError, RunInterrupted, Unreachable
from provision.transport.connection import Connection
from provision.transport.wire import BOOT, PROMPT, parse, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from provision.bundle.render import Bundle
    from provision.transport.inventory import Host
    from provision.transport.wire import Event

SILENCE = 60
"""Seconds without a sign of life (the runner gives one every 10) after which the connection counts as lost."""
RECONNECT_SECONDS = 600
DROPS = 30
"""Connections in a row that may break without having brought an event."""
ENDINGS = ("ready", "failed", "unchanged", "lost")


class Dropped(Unreachable):
    """The connection ended before the answer did."""

    def __init__(self, host: Host, why: str) -> None:
        self.why = why
        super().__init__(f"the connection to {host} was lost: {why}", hint="the same command again")


class Session:
    """The runner of one host. Use as a context manager; connects when first asked."""

    def __init__(self, host: Host, config: Any = None, *, tell: Callable[[str], None] = print) -> None:
        self.host = host
        self.config = config
        self.tell = tell
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
        pool = ThreadPoolExecutor(1)
        self._opening = pool.submit(self._open)
        pool.shutdown(wait=False)

    def _open(self) -> Connection:
        connection = Connection(self.host, self.config, tell=self.tell)
        connection.open()
        return connection

    def close(self) -> None:
        """Drop the connection; what runs on the host goes on."""
        if self._opening is not None and self._opening.exception() is None:
            self._connection = self._opening.result()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(
        self, verb: str, bundle: Bundle | None = None, *, modules: Sequence[str] = (), **fields: Any
    ) -> Iterator[Event]:
        """Yield the events that answer one request. Raises `Dropped` when the connection ends in the middle.

        The last of `modules`, which go along, answers in place of the runner.
        """
        request = {"verb": verb, "digest": bundle.digest if bundle else "", **fields}
        # Only what may do without the rest goes on the command line: every process of the host can read that.
        small = request if bundle else {"digest": ""}
        # The standard library is all that it needs: without the host's own packages Python is there sooner.
        command = self._as_root(f"python3 -IS -c {shlex.quote(BOOT)} {shlex.quote(json.dumps(small))}")
        transport = self.connection.transport
        said: list[str] = []
        try:
            channel = transport.open_session(timeout=SILENCE)
            channel.settimeout(SILENCE)
            # One stream: what is no event (a shell's start-up file, sudo, a Python that breaks) is shown and kept.
            channel.set_combine_stderr(combine=True)
            channel.exec_command(command)
            for line in channel.makefile("r"):
                event = parse(line)
                if event["event"] == "prompt":
                    self._answer(channel, said)
                elif event["event"] == "send":
                    channel.sendall(_whole(request, bundle, modules))
                    channel.shutdown_write()
                elif event["event"] != "alive":
                    yield event
                if event["event"] in ("log", "prompt") and not event["step"]:
                    said.append(event["line"])
            self._check(channel.recv_exit_status(), "\n".join(said))
            channel.close()
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise Dropped(self.host, str(error) or type(error).__name__) from error

    def _as_root(self, command: str) -> str:
        """Return the command as root would run it; sudo asks for a password only where one can be given."""
        if self.host.user == "root":
            return command
        prompt = shlex.quote(f"{PROMPT}\n")
        ask = f"-S -p {prompt}" if self.connection.config.sudo.password else "-n"
        # What sudo says is looked at below: in English.
        return f"LC_ALL=C sudo {ask} {command}"

    def _answer(self, channel: Any, said: list[str]) -> None:
        """Give sudo the password, once: it asks again only for a better one."""
        if PROMPT in said:
            raise self._wants_password()
        channel.sendall(f"{self.connection.config.sudo.password}\n".encode())

    def _wants_password(self) -> Unreachable:
        message = f"{self.host.user} on {self.host} needs a password for sudo, and the right one"
        return Unreachable(message, hint="fab --prompt-for-sudo-password …")

    def _check(self, status: int, said: str) -> None:
        """Raise what an answer that ended means: nothing for exit code 0."""
        if status == -1:
            raise Dropped(self.host, "it was closed")
        if status and "sudo: a password is required" in said:
            raise self._wants_password()
        if status:
            raise GpurigError(f"the runner on {self.host} ended with exit code {status}: {said[-2000:]}")

    def root(self, command: str) -> Any:
        """Run a shell command as root on the host; returns Fabric's result, also when the command failed.

        Raises `Unreachable` when sudo wants a password, or a better one.
        """
        run = self.connection.run if self.host.user == "root" else self.connection.sudo
        try:
            return run(f"sh -c {shlex.quote(command)}", hide=True, warn=True, in_stream=False)
        except AuthFailure as error:
            raise self._wants_password() from error

    def one(self, verb: str, bundle: Bundle | None = None, **fields: Any) -> Event:
        """Return the single event that answers a request."""
        events = list(self.ask(verb, bundle, **fields))
        answer = next((event for event in reversed(events) if event["event"] != "log"), None)
        if answer is None:
            said = "".join(f": {event['line']}" for event in events[-1:])
            raise GpurigError(f"the runner on {self.host} answered nothing{said}")
        return answer

    def apply(self, bundle: Bundle, *, fresh: bool = False) -> Iterator[Event]:
        """Yield the events of bringing the host to `bundle`, until it is ready, unchanged or failed.

        A dropped connection or a reboot in the middle is bridged. Raises `RunInterrupted` when the run was killed.
        """
        place: Event = {}
        drops = 0
        while True:
            try:
                stream = self.ask("follow", **place) if place else self.ask("apply", bundle, fresh=fresh)
                for event in self._own(stream):
                    drops = 0
                    _remember(place, event)
                    yield event
                    if event["event"] == "lost":
                        raise self._killed(event)
                    if event["event"] in ENDINGS:
                        return
                why = "it reboots" if place else "the answer ended early"
            except Unreachable as error:
                drops += 1
                # Before a run has begun there is nothing to come back to but the question itself.
                if drops > DROPS or not (place or isinstance(error, Dropped)):
                    raise
                why = error.why if isinstance(error, Dropped) else error.what
            self.reconnect(why)

    def _killed(self, event: Event) -> RunInterrupted:
        message = f"the run on {self.host} was killed in step {event['step'] or '(none yet)'}"
        return RunInterrupted(message, hint="nothing half-done counts: the same command goes on from there")

    @staticmethod
    def _own(stream: Iterator[Event]) -> Iterator[Event]:
        """Yield events; those of another run that ours has to wait for lose their place and their ending."""
        other = None
        for event in stream:
            if event["event"] == "waiting":
                other = event["run"]
            if other is None or event.get("run") != other or event["event"] == "waiting":
                yield event
            elif event["event"] not in (*ENDINGS, "reboot"):
                yield {key: value for key, value in event.items() if key != "offset"}

    def reconnect(self, why: str) -> None:
        """Wait until the host answers again. Raises `Unreachable` when it does not in time."""
        self.close()
        self.tell(f"connection to {self.host} lost ({why}); the run goes on there, connecting again")
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            # A machine that goes down for a reboot still takes connections for a moment, and drops them.
            time.sleep(1)
            try:
                _ = self.connection
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
            else:
                return


def _whole(request: Event, bundle: Bundle | None, modules: Sequence[str]) -> bytes:
    """Return a request with all that answers it, for a host that has none of that."""
    runner = bundle.runner if bundle else source("runner")
    text = bundle.to_bytes().decode("ascii") if bundle else ""
    more = [(name, source(name)) for name in modules]
    return zlib.compress(json.dumps({**request, "runner": runner, "modules": more, "bundle": text}).encode())


def _remember(place: Event, event: Event) -> None:
    """Keep in `place` what `follow` has to be asked for should the connection break after this event."""
    if "offset" in event:
        place.clear()
        place.update(run=event["run"], offset=event["offset"])
    elif place and "position" in event:
        place["position"] = event["position"]
