"""The addresses of mirrors: which there may be, for each kind, and how an error shows one that may hold a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from provision.model.checks import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMES: Mapping[str, tuple[str, ...]] = {
    "git": ("https", "http", "git", "ssh", "file"),
    "apt": ("https", "http", "file"),
    "pip": ("https", "http", "file"),
    "conda": ("https", "http", "file"),
    "download": ("https", "http", "ftp", "file"),
}
MIRROR_KINDS = (*_SCHEMES, "oci")
"""What has addresses: repositories, archives of packages, indexes of Python packages, files, container images."""

_PART = r"[A-Za-z0-9._~%+:/-]*"
"""No blank, quote, control character, `?`, `#`, `;`, `=` and `@`: nothing that begins a query, a word or a comment."""
_IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]*(:[0-9]{1,5})?(/[a-z0-9._/-]*)?", re.ASCII)
"""Of container images, whose addresses have no scheme."""


def _is_address(kind: str, value: object) -> bool:
    if not isinstance(value, str) or len(value) > 500:
        return False
    if kind == "oci":
        return bool(_IMAGE.fullmatch(value))
    scheme, colon, rest = value.partition("://")
    # Who logs in where by a key is no secret; anywhere else what is before an @ is a password, or a token.
    rest = re.sub(r"\A[a-z_][a-z0-9_-]*@", "", rest) if scheme == "ssh" else rest
    return bool(colon) and scheme in _SCHEMES[kind] and bool(re.fullmatch(_PART, rest, re.ASCII))


def _mirrors(kind: str) -> Kind:
    begins = "host/ or host/name" if kind == "oci" else " or ".join(f"{scheme}://" for scheme in _SCHEMES[kind])
    allowed = (
        f"a table of prefix = replacement, each an address with {begins}, without password, query, fragment, blanks or "
        "quotes"
    )
    return Kind(
        allowed,
        lambda table: isinstance(table, dict) and all(_is_address(kind, part) for row in table.items() for part in row),
    )


MIRRORS = {kind: _mirrors(kind) for kind in MIRROR_KINDS}
"""Kind → what its table has to be."""


def masked(text: str) -> str:
    """Return text without the passwords and tokens that addresses in it may have: before an @, in a query."""
    text = re.sub(r"""//[^/\s"']*@""", "//***@", text)
    return re.sub(r"""(://[^\s"'?;#]*[?;#])[^\s"',}]+""", r"\1***", text)
