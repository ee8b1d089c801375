"""The user's public key: given as it is, or as the path of its file."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import os
import re
import struct
from pathlib import Path
from typing import Self

_TYPE = "ssh-ed25519"
_MAKE_ONE = "make one: ssh-keygen -t ed25519"
_KEY_BYTES = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublicKey:
    """An ed25519 public key; two are the same where their material is."""

    material: str
    """In base64."""
    comment: str = dataclasses.field(default="", compare=False)

    @classmethod
    def read(cls, value: str) -> Self:
        """Read a key as it is, or the path of its file. Raises `ValueError` that says how to get a good one.

        A path may hold ~ and $VARIABLES. Only ed25519 is taken: EC2's ImportKeyPair knows no hardware-backed keys
        (sk-…).
        """
        text, source = value, "the value"
        if not value.startswith(("ssh-", "sk-", "ecdsa-")):
            path = Path(os.path.expandvars(value)).expanduser()
            source = str(path)
            text = _text_of(path)
        if "PRIVATE KEY" in text:
            raise ValueError(
                f"{source} is a private key, which has to stay where it is; give the public one ({source}.pub)"
            )
        kind, _, rest = text.strip().partition(" ")
        material, _, comment = rest.partition(" ")
        if kind != _TYPE or not _is_ed25519(material):
            raise ValueError(f'{source} is no ed25519 public key (it begins with "{kind[:40]}"); {_MAKE_ONE}')
        # It becomes part of a line of authorized_keys: a second line in it would be another key.
        if not re.fullmatch(r"[ -~]*", comment):
            raise ValueError(f"{source}: the comment of a key is one line of ASCII")
        return cls(material=material, comment=comment.strip())

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` shows: SHA256:…."""
        digest = hashlib.sha256(base64.b64decode(self.material)).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    def __str__(self) -> str:
        """Return it as authorized_keys has it."""
        return f"{_TYPE} {self.material} {self.comment}".rstrip()


def read_public_key(value: str) -> str:
    """Return a key as "type base64", without its comment. Raises `ValueError`."""
    return str(dataclasses.replace(PublicKey.read(value), comment=""))


def read_public_keys(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return keys as "type base64 comment". Raises `ValueError`."""
    return tuple(str(PublicKey.read(value)) for value in values)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise ValueError(f"{path} {reason}; {_MAKE_ONE}") from error


def _is_ed25519(material: str) -> bool:
    """Say whether the base64 text holds an ed25519 key in SSH's wire format (RFC 8709)."""
    head = struct.pack(">I", len(_TYPE)) + _TYPE.encode("ascii") + struct.pack(">I", _KEY_BYTES)
    try:
        data = base64.b64decode(material, validate=True)
    except binascii.Error:
        return False
    return data.startswith(head) and len(data) == len(head) + _KEY_BYTES
