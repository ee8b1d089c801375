"""How a box is reached: at an address of its own, at one inside its network, or through Session Manager."""

from __future__ import annotations

import dataclasses
import re
from typing import Self

PUBLIC, PRIVATE, SSM = "public", "private", "ssm"
ACCESSES = (PUBLIC, PRIVATE, SSM)
AS_A_JUMP = "a machine to go through: host, user@host or user@host:port"
_JUMP = re.compile(
    r"(?:(?P<user>[A-Za-z_][A-Za-z0-9_.-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?P<port>[0-9]{1,5}))?"
)


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
        found = _JUMP.fullmatch(text)
        if found is None or not 0 < int(found["port"] or 22) < 65536:
            raise ValueError(text)
        return cls(host=found["host"], user=found["user"] or "", port=int(found["port"]) if found["port"] else None)

    def __str__(self) -> str:
        """Return it as it is written in settings: "me@bastion.example.com:2222"."""
        return (f"{self.user}@" if self.user else "") + self.host + (f":{self.port}" if self.port else "")
