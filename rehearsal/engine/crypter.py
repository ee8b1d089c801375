"""The stack's passphrase, checked in Pulumi's own format, so that either engine opens the stacks of the other.

The stack file keeps ``encryptionsalt: v1:SALT:v1:NONCE:CIPHERTEXT``, whose ciphertext is the word ``pulumi``: that is
how a wrong passphrase is noticed. The cipher is AES-256-GCM; its key comes from the passphrase and the salt with
PBKDF2-HMAC-SHA256, one million rounds.
"""

from __future__ import annotations

import base64
import os

from rehearsal.engine.errors import EngineError

_ROUNDS = 1_000_000
_CHECK = b"pulumi"


def new_salt() -> str:
    """Give a new stack's `encryptionsalt`, made with the passphrase of the environment."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  30 ms that few commands need

    salt, nonce = os.urandom(8), os.urandom(12)
    sealed = AESGCM(_key(salt)).encrypt(nonce, _CHECK, None)
    return ":".join(["v1", *_texts(salt), "v1", *_texts(nonce, sealed)])


def verify(salt: str) -> None:
    """Raise EngineError unless the environment has the passphrase that the stack was made with."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415  as in new_salt
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    own, nonce, sealed = (base64.b64decode(salt.split(":")[part]) for part in (1, 3, 4))
    try:
        AESGCM(_key(own)).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise EngineError("incorrect passphrase") from None


def _key(salt: bytes) -> bytes:
    """Derive the key, which takes a quarter of a second; the passphrase may be empty, but not absent."""
    passphrase = os.environ.get("PULUMI_CONFIG_PASSPHRASE")
    if passphrase is None:
        raise EngineError("passphrase must be set with the PULUMI_CONFIG_PASSPHRASE environment variable")
    import hashlib  # noqa: PLC0415  loads OpenSSL, which `stack output` has no need of

    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ROUNDS, 32)


def _texts(*parts: bytes) -> list[str]:
    return [base64.b64encode(part).decode() for part in parts]
