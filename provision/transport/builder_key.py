"""The key that signs kept builds, one of the user's for all boxes: it never leaves this machine.

A kept build counts on the next box by a signature. Root on a box may say what it likes of what it built; that it was
this user's own setup that built it is what is signed.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from provision.agent.words import BUILDER, SIGNED_FOR, builders, kept_message
from provision.bundle import kept
from provision.model import laptop
from provision.model.errors import GpurigError
from provision.transport import ssh_config

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from provision.bundle.step import Bundle

_DIGEST = re.compile(r"[0-9a-f]{64}")
SIGNS = "OpenSSH signs from 8.1 on: ssh -V tells what is here"


def path() -> Path:
    """Return the private key's file, there or not; its public key is beside it."""
    return ssh_config.folder() / "kept_ed25519"


def public() -> str:
    """Return the public key, without a comment; made at the first call. Raises `GpurigError` where it cannot be."""
    try:
        if not path().exists():
            _make()
        words = path().with_suffix(".pub").read_text(encoding="ascii").split()
    except (OSError, ValueError) as error:
        raise GpurigError(f"the key that signs kept builds is not to be had: {error}") from error
    return " ".join(words[:2])


def _make() -> None:
    """Make the key. Of two programs that make it at once, one does."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path().parent) as folder:
        made = Path(folder) / "key"
        _keygen("-q", "-t", "ed25519", "-N", "", "-C", "gpurig", "-f", str(made))
        with contextlib.suppress(FileExistsError):
            _place(made)
            made.with_suffix(".pub").replace(path().with_suffix(".pub"))


def _place(made: Path) -> None:
    """Give the key its name unless there is one by now. Raises `FileExistsError`."""
    try:
        os.link(made, path())
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: the second best, by which the last of two that are at it at once wins.
        if path().exists():
            raise FileExistsError(str(path())) from None
        made.replace(path())


def signatures(offered: Mapping[str, str], bundle: Bundle) -> dict[str, str]:
    """Return name → signature of those kept builds that are of this bundle; `offered`: name → digest.

    Raises `GpurigError` where one cannot be made.
    """
    names = kept.names_of(bundle)
    public()
    return {
        name: _keygen("-Y", "sign", "-f", str(path()), "-n", SIGNED_FOR, text=kept_message(name, digest))
        for name, digest in offered.items()
        if name in names and _DIGEST.fullmatch(digest)
    }


def signed_by(keys: Collection[str], name: str, digest: str, signature: str) -> bool:
    """Return whether one of these public keys has signed a kept build. Raises `GpurigError` where nobody can tell."""
    with tempfile.TemporaryDirectory() as folder:
        allowed, file = Path(folder) / "builders", Path(folder) / "signature"
        allowed.write_text(builders(keys), encoding="utf-8")
        file.write_text(signature, encoding="utf-8")
        who = ["-Y", "verify", "-f", str(allowed), "-I", BUILDER, "-n", SIGNED_FOR, "-s", str(file)]
        with contextlib.suppress(_Failed):
            return bool(_keygen(*who, text=kept_message(name, digest)))
    return False


class _Failed(GpurigError):
    """What ssh-keygen says no to."""


def _keygen(*words: str, text: str = "") -> str:
    """Return what `ssh-keygen` prints. Raises `GpurigError` where it fails or is not there."""
    try:
        # Bytes: as text, a line would end otherwise on Windows, and another message would be signed.
        done = subprocess.run(["ssh-keygen", *words], input=text.encode(), capture_output=True, check=False)
    except OSError as error:
        raise GpurigError(f"ssh-keygen cannot be started: {error}", hint=laptop.install(["ssh-keygen"])) from error
    if done.returncode:
        hint = SIGNS if "-Y" in words else ""
        raise _Failed(f"ssh-keygen failed: {done.stderr.decode(errors='replace').strip()}", hint=hint)
    return done.stdout.decode().replace("\r\n", "\n")
