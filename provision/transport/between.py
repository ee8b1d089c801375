"""A machine in between: one login there, whoever goes through it.

A hundred logins at once its sshd would not take: by itself it turns some away from ten on (`MaxStartups`). What it
counts per connection are shells (`MaxSessions`), and none is opened here.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.model.host import Host


class Link(Protocol):
    """A connection to a machine in between."""

    rig_host: Host
    transport: Any
    is_connected: bool

    def open(self) -> Any:
        """Connect. Raises `Unreachable` and `UntrustedHost`."""

    def close(self) -> None:
        """Leave it."""


class Between:
    """One machine in between; the first who wants to go through it connects, and the last one leaves it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: set[object] = set()
        self._link: Link | None = None
        self._attempt: Future[Link] | None = None

    def enter(self, user: object, make: Callable[[], Link]) -> Link:
        """Return the open connection; those who come while it is made share how that ends. Raises what `Link` does."""
        with self._lock:
            self._users.add(user)
            attempt, first = self._attempt, self._attempt is None
            if attempt is None:
                attempt = self._attempt = Future()
        if first:
            try:
                attempt.set_result(self._open(make))
            except BaseException as error:  # noqa: BLE001 - raised in all who wait for it
                attempt.set_exception(error)
            finally:
                with self._lock:
                    self._attempt = None
        return attempt.result()

    def _open(self, make: Callable[[], Link]) -> Link:
        if self._link is not None and self._link.is_connected:
            return self._link
        if self._link is not None:
            self._link.close()
        self._link = None
        link = make()
        try:
            link.open()
        except BaseException:
            link.close()
            raise
        self._link = link
        return link

    def leave(self, user: object) -> None:
        """Go no more through it; one who never did may say so, too."""
        with self._lock:
            self._users.discard(user)
            if self._users or self._link is None:
                return
            link, self._link = self._link, None
        link.close()


_LOCK = threading.Lock()
_KNOWN: dict[str, Between] = {}


def of(name: str) -> Between:
    """Return the machine of a name (`Jump` as it is written), the same for all who ask."""
    with _LOCK:
        return _KNOWN.setdefault(name, Between())
