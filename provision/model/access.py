"""How a box is reached: at an address of its own, at one inside its network, or through Session Manager."""

from __future__ import annotations

import dataclasses
import re
from typing import Self

from provision.model.checks import ADDRESS, USER, Kind, port_of

PUBLIC, PRIVATE, SSM = "public", "private", "ssm"
ACCESSES = (PUBLIC, PRIVATE, SSM)
_PARTS = re.compile(r"(?:(?P<user>[^@:]+)@)?(?P<host>[^@:]+)(?::(?P<port>[^@:]+))?")
ACCESS = Kind(" or ".join(ACCESSES), ACCESSES.__contains__)


def _is_jump(value: object) -> bool:
    try:
        return isinstance(value, str) and bool(Jump.read(value))
    except ValueError:
        return False


JUMP = Kind("a machine to go through: host, user@host or user@host:port", _is_jump)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Jump:
    """A machine that SSH goes through, as the user's ssh_config and known_hosts know it."""

    host: str
    user: str = ""
    """"": what ssh_config says, else the user's own name."""
    port: int | None = None
    """None: what ssh_config says, else 22."""

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `str` writes. Raises `ValueError` for anything else: nothing else reaches ssh's command line."""
        if (found := _PARTS.fullmatch(text)) is None:
            raise ValueError(text)
        host, user, port = found["host"], found["user"], port_of(found["port"] or "")
        if not ADDRESS.holds(host) or (user and not USER.holds(user)) or (found["port"] and port is None):
            raise ValueError(text)
        return cls(host=host, user=user or "", port=port)

    def __str__(self) -> str:
        """Return it as it is written in settings: "me@bastion.example.com:2222"."""
        return (f"{self.user}@" if self.user else "") + self.host + (f":{self.port}" if self.port else "")
