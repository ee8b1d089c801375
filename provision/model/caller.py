"""The address that the internet sees this machine under, asked of a service out there."""

from __future__ import annotations

import http.client
import ipaddress
import os
import urllib.request

from provision.model.schema import plain
from provision.model.urls import masked

SERVICES = ("https://checkip.amazonaws.com", "https://api.ipify.org")
"""Each answers with the caller's address as text; the first one counts, the second is a second opinion."""
VARIABLE = "GPURIG_CALLER_ADDRESS_URL"
"""Other services instead, with blanks between them."""
TIMEOUT_S = 5


def services() -> tuple[str, ...]:
    """Return the services to ask, the one that counts first."""
    return tuple(os.environ.get(VARIABLE, "").split()) or SERVICES


def caller_address(url: str = "") -> str:
    """Return the caller's public IPv4 address as a /32 range, asked of one service: the first unless another is named.

    Raises `ValueError` with the reason when there is no answer within 5 s, or none that is an IPv4 address.
    """
    url = url or services()[0]
    shown = masked(url)
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"{shown} is no address of a service: it begins with https://, or http:// for one of your own")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http for a stand-in, if the user says so
            text = answer.read(64).decode("ascii", "replace").strip()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ValueError(f"{shown} does not answer ({error})") from error
    try:
        return f"{ipaddress.IPv4Address(text)}/32"
    except ValueError as error:
        raise ValueError(f'{shown} answered "{plain(text)}", which is no IPv4 address') from error
