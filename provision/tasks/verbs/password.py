"""`fab password`: the login of the door before DIGITS."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from provision.model.errors import UntrustedHost
from provision.tasks.verb import verb
from provision.work import door

if TYPE_CHECKING:
    from provision.model.host import Host
    from provision.screen.progress import View
    from provision.tasks.context import Context
    from provision.transport.session import Session

OPTIONS = {"own": "one of your own, asked for or read from standard input, in place of a random one"}


@verb(options=OPTIONS)
def password(c: Context, *, own: bool = False) -> None:
    """Make the password of DIGITS' page, https://ADDRESS:5000, and say by which fingerprint to know it."""
    chosen = door.checked(_asked()) if own else ""

    def give(session: Session, out: View) -> None:
        word = chosen or door.new_password()
        door.set_login(session, word)
        known = door.learn(session)
        host = session.host
        shown = "is the one that you gave" if chosen else f"(shown this once): {word}"
        out.line(f"{door.url(host)}   password {shown}")
        out.line(
            "the browser warns: the box signs for itself. Go on where its certificate has this SHA-256 fingerprint:"
        )
        out.line(known)
        out.tell(_looked(host, known))

    c.each_session(give)


def _looked(host: Host, known: str) -> str:
    """Say whether this machine's way to the door is open, and whether it is that door. Raises `UntrustedHost`."""
    there = door.seen(host)
    if not there:
        return f"port {door.PORT} of {host} does not answer from here: fab tunnel opens it, without a password"
    if there != known:
        message = f"what answers at {door.url(host)} has another certificate than {host.name}: {there}"
        raise UntrustedHost(message, hint="somebody is between you and the box: give the password to nobody there")
    return "it answers from here, with that certificate; earlier sessions have ended"


def _asked() -> str:
    """Return the password that the user types, twice the same, or that comes on standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    while (word := getpass.getpass("password: ")) != getpass.getpass("once more: "):
        print("these were not the same", file=sys.stderr)
    return word
