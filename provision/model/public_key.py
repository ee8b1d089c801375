"""The user's public key: given as it is, or as the path of its file."""

from __future__ import annotations

import base64
import binascii
import os
import struct
from pathlib import Path

_TYPE = "ssh-ed25519"
_MAKE_ONE = "make one: ssh-keygen -t ed25519"
_KEY_BYTES = 32


def read_public_key(value: str) -> str:
    """Return the key as "type base64", without its comment. Raises `ValueError` that says how to get a good one.

    A path may hold ~ and $VARIABLES. Only ed25519 is taken: EC2's ImportKeyPair knows no hardware-backed keys (sk-…).
    """
    text, source = value, "the value"
    if not value.startswith(("ssh-", "sk-", "ecdsa-")):
        path = Path(os.path.expandvars(value)).expanduser()
        source = str(path)
        try:
            text = path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
            raise ValueError(f"{path} {reason}; {_MAKE_ONE}") from error
    if "PRIVATE KEY" in text:
        raise ValueError(
            f"{source} is a private key, which has to stay where it is; give the public one ({source}.pub)"
        )
    kind, _, rest = text.strip().partition(" ")
    material = rest.partition(" ")[0]
    if kind != _TYPE or not _is_ed25519(material):
        raise ValueError(f'{source} is no ed25519 public key (it begins with "{kind[:40]}"); {_MAKE_ONE}')
    return f"{kind} {material}"


def _is_ed25519(material: str) -> bool:
    """Say whether the base64 text holds an ed25519 key in SSH's wire format (RFC 8709)."""
    head = struct.pack(">I", len(_TYPE)) + _TYPE.encode("ascii") + struct.pack(">I", _KEY_BYTES)
    try:
        data = base64.b64decode(material, validate=True)
    except binascii.Error:
        return False
    return data.startswith(head) and len(data) == len(head) + _KEY_BYTES
