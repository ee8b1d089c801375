"""Secrets under the stack's passphrase, in Pulumi's own format, so that either engine reads what the other wrote.

``v1:NONCE:CIPHERTEXT`` is AES-256-GCM; the key comes from the passphrase and the stack's salt with PBKDF2-HMAC-SHA256,
one million rounds. The stack file keeps ``encryptionsalt: v1:SALT:v1:NONCE:CIPHERTEXT``, whose ciphertext is the word
``pulumi``: that is how a wrong passphrase is noticed.
"""

from __future__ import annotations

import base64
import functools
import os
from pathlib import Path

from rehearsal.engine.errors import EngineError

_ROUNDS = 1_000_000
_CHECK = "pulumi"


class Crypter:
    """Encrypts and decrypts with one stack's key, which is derived (a quarter of a second) when it is first needed."""

    def __init__(self, salt: str, passphrase: str | None) -> None:
        self.salt = salt
        self._passphrase = passphrase

    @classmethod
    def create(cls, passphrase: str | None) -> Crypter:
        """Make a new salt for a new stack."""
        crypter = cls(f"v1:{base64.b64encode(os.urandom(8)).decode()}:", passphrase)
        crypter.salt += crypter.encrypt(_CHECK)
        return crypter

    def verify(self) -> None:
        """Raise EngineError unless the passphrase is there and is the one that the stack was made with."""
        self.decrypt(self.salt.split(":", 2)[2])

    @functools.cached_property
    def _key(self) -> bytes:
        if self._passphrase is None:
            raise EngineError(
                "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
                "environment variables"
            )
        import hashlib  # noqa: PLC0415  loads OpenSSL, which `stack output` has no need of

        salt = base64.b64decode(self.salt.split(":")[1])
        return hashlib.pbkdf2_hmac("sha256", self._passphrase.encode(), salt, _ROUNDS, 32)

    def encrypt(self, text: str) -> str:
        """Encrypt with a fresh nonce."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415  30 ms that few commands need

        nonce = os.urandom(12)
        sealed = AESGCM(self._key).encrypt(nonce, text.encode(), None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, text: str) -> str:
        """Decrypt; raise EngineError where the passphrase is another one."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  as in encrypt
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        _version, nonce, sealed = text.split(":")
        try:
            opened = AESGCM(self._key).decrypt(base64.b64decode(nonce), base64.b64decode(sealed), None)
        except InvalidTag:
            raise EngineError("incorrect passphrase") from None
        return opened.decode()


@functools.cache
def crypter_for(salt: str) -> Crypter:
    """Give the crypter of a salt, with the passphrase of the environment; the key is derived once for a process."""
    return Crypter(salt, passphrase_from_environment())


def passphrase_from_environment() -> str | None:
    """Read the passphrase as Pulumi does: the variable (which may be empty), else the file that the other one names."""
    if (direct := os.environ.get("PULUMI_CONFIG_PASSPHRASE")) is not None:
        return direct
    if file := os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise EngineError(f"PULUMI_CONFIG_PASSPHRASE_FILE: {error}") from error
    return None
