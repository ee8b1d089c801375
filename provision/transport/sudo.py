"""How a command becomes root's on a host, and what sudo asks on the way."""

from __future__ import annotations

import secrets
import shlex
from typing import TYPE_CHECKING, Any

from provision.model.errors import Unreachable
from provision.transport import launcher

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from provision.model.host import Host
    from provision.transport.connection import Connection


class PasswordWanted(Unreachable):
    """sudo wants a password, or a better one: to ask again would only lock the account."""


class Sudo:
    """The way to root for one command; `password`: None where the user gave none.

    Not everything that a host says is sudo's: the prompt is another one for each command, and once the command itself
    has begun, by its first line, nobody is given the password any more.
    """

    def __init__(self, host: Host, password: str | None) -> None:
        self.host, self.password = host, password
        call = f"gpurig {secrets.token_hex(16)}"
        self.prompt, self._begun = f"{call}: sudo asks for a password", f"{call}: sudo asks no more"
        self._may_ask = bool(password) and host.user != "root"
        self._answered = False

    def wrap(self, command: str) -> str:
        """Return the command as root would run it; sudo asks for a password only where one can be given."""
        if self.host.user == "root" or not self.password:
            return launcher.unasked(self.host.user, command)
        prompt, script = f"{self.prompt}\n", f"echo {shlex.quote(self._begun)}; exec {command}"
        return f"LC_ALL=C sudo -S -p {shlex.quote(prompt)} sh -c {shlex.quote(script)}"

    def asks(self, line: str) -> bool:
        """Tell whether a line of the answer is sudo, asking for the password."""
        return self._may_ask and line.rstrip("\n") == self.prompt

    def is_past(self, line: str) -> bool:
        """Tell whether a line says that sudo asks for nothing from here on, and take it for that."""
        past = self._may_ask and line.rstrip("\n") == self._begun
        self._may_ask = self._may_ask and not past
        return past

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


class AsRoot:
    """One command that root runs on a host."""

    def __init__(self, connection: Connection, command: str = "", *, begun: Any = None) -> None:
        """Begin a command; `begun`: the channel of one that has begun, where sudo asked for nothing."""
        self.sudo = Sudo(connection.rig_host, connection.config.sudo.password)
        self.channel = begun or launcher.channel(connection.transport, self.sudo.wrap(command))
        self._said = self.channel.makefile("r")

    def lines(self) -> Iterator[str]:
        """Yield what is said there, line by line; sudo is answered."""
        for line in self._said:
            if self.sudo.asks(line):
                self.channel.sendall(self.sudo.answer())
            elif not self.sudo.is_past(line):
                yield line

    def end(self) -> int:
        """Return the exit code; -1 where the connection ended before the command."""
        status = int(self.channel.recv_exit_status())
        self.channel.close()
        return status

    def outcome(self) -> tuple[int, str]:
        """Return the exit code and all that was said. Raises `PasswordWanted`."""
        said = list(self.lines())
        if code := self.end():
            self.sudo.check(said)
        return code, "".join(said)
