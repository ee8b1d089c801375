"""How a command becomes root's on a host, and what sudo asks on the way."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from provision.model.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from provision.model.host import Host

PROMPT = "gpurig: sudo asks for a password"


class PasswordWanted(Unreachable):
    """sudo wants a password, or a better one: to ask again would only lock the account."""


class Sudo:
    """The way to root for one command; `password`: None where the user gave none."""

    def __init__(self, host: Host, password: str | None) -> None:
        self.host, self.password = host, password
        self._answered = False

    def wrap(self, command: str) -> str:
        """Return the command as root would run it; sudo asks for a password only where one can be given."""
        if self.host.user == "root":
            return command
        prompt = shlex.quote(f"{PROMPT}\n")
        ask = f"-S -p {prompt}" if self.password else "-n"
        # What sudo says is looked at by `check`: in English.
        return f"LC_ALL=C sudo {ask} {command}"

    def answer(self) -> bytes:
        """Return the password, once: sudo asks again only for a better one. Raises `PasswordWanted` then."""
        if self._answered:
            raise self.wants_password()
        self._answered = True
        return f"{self.password}\n".encode()

    def check(self, lines: Iterable[str]) -> None:
        """Raise `PasswordWanted` where these lines of a command that failed say that sudo wants a password."""
        if any("sudo: a password is required" in line for line in lines):
            raise self.wants_password()

    def wants_password(self) -> PasswordWanted:
        """Return the error of a host whose sudo wants a password, or a better one."""
        message = f"{self.host.user} on {self.host} needs a password for sudo, and the right one"
        return PasswordWanted(message, hint="fab --prompt-for-sudo-password …")
