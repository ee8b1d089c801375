"""The text of an account's authorized_keys: a block of ours in it, and every other line left as it is.

It is text of others too: what is not understood stays, byte for byte (`surrogateescape`).
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from provision.model.public_key import PublicKey

BEGIN = "# Keys of gpurig: `fab keys` writes what stands between this line and the end."
END = "# The end of gpurig's keys."
# Options before the key may hold blanks and more within quotes (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
_LINE = re.compile(
    r'\s*(?:(?P<options>(?:[^\s"#]|"(?:\\.|[^"\\])*")+)[ \t]+)?'
    r"(?P<kind>(?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)[ \t]+(?P<material>[A-Za-z0-9+/]+=*)(?:[ \t]+(?P<comment>.*?))?\s*"
)
_NO_SHELL = ("command=", "cert-authority", "expiry-time=", "restrict")
"""Options under which a key is no way in for a user, or not for long."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A key that a file has."""

    material: str
    comment: str
    options: str
    ours: bool
    """Whether it stands in the block of gpurig's."""

    @property
    def fingerprint(self) -> str:
        """What `ssh-keygen -l` shows; "" for what is no base64."""
        try:
            blob = base64.b64decode(self.material, validate=True)
        except binascii.Error:
            return ""
        return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")

    @property
    def is_way_in(self) -> bool:
        """Whether it lets its owner have a shell."""
        return not any(word in self.options.lower() for word in _NO_SHELL)


def entries(text: str) -> list[Entry]:
    """Return the keys of a file, in order."""
    return [entry for _, entry in _lines(text) if entry]


def _lines(text: str) -> Iterator[tuple[str, Entry | None]]:
    """Yield each line, with its end, and the key in it."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # as sshd: `splitlines` knows more ends than that
    begin, end = _block(lines)
    for number, line in enumerate(lines):
        found = _LINE.fullmatch(line)
        yield (
            line,
            found
            and Entry(
                material=found["material"],
                comment=found["comment"] or "",
                options=found["options"] or "",
                ours=begin < number < end,
            ),
        )


def _block(lines: Sequence[str]) -> tuple[int, int]:
    """Return where our block begins and ends, twice 0 where there is none: what nothing begins or ends is nobody's."""
    begin = None
    for number, line in enumerate(lines):
        if line.strip() == BEGIN:
            begin = number
        elif line.strip() == END and begin is not None:
            return begin, number
    return 0, 0


def added(text: str, keys: Iterable[PublicKey]) -> str:
    """Return a file with these keys; one that is a way in already, wherever it stands, is left there."""
    there = {entry.material for entry in entries(text) if entry.is_way_in}
    new = [f"{key}\n" for key in dict.fromkeys(keys) if key.material not in there]
    if not new:
        return text
    ours = [f"{key}\n" for line, entry in _lines(text) if entry and entry.ours for key in [line.rstrip("\r\n")]]
    rest = _without_block(text)
    rest += "" if not rest or rest.endswith("\n") else "\n"
    return rest + "".join([f"{BEGIN}\n", *ours, *new, f"{END}\n"])


def removed(text: str, materials: Collection[str]) -> str:
    """Return a file without these keys, wherever they stand; a block that is empty then goes too."""
    kept = "".join(line for line, entry in _lines(text) if not (entry and entry.material in materials))
    return kept if any(entry.ours for entry in entries(kept)) else _without_block(kept)


def _without_block(text: str) -> str:
    """Return a file without the block of ours."""
    lines = [line for line, entry in _lines(text) if not (entry and entry.ours)]
    begin, end = _block(lines)
    if begin == end:
        return text
    # What is no key between the two lines was put there by hand: it stays.
    return "".join([*lines[:begin], *lines[begin + 1 : end], *lines[end + 1 :]])
