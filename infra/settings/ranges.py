"""Address ranges: read them, find the caller's own, tell which are too broad."""

from __future__ import annotations

import ipaddress
import os
import urllib.error
import urllib.request

from infra.settings.setting import read_names
from provision.model.target import BROADEST

AUTO = "auto"
ADDRESS_URL = "https://checkip.amazonaws.com"
ADDRESS_URL_VARIABLE = "GPURIG_CALLER_ADDRESS_URL"
TIMEOUT_S = 5


def network(text: str) -> ipaddress.IPv4Network:
    """Return an IPv4 range. Raises `ValueError` for anything else, also for bits beyond the prefix."""
    return ipaddress.IPv4Network(text)


def read_vpc_range(text: str) -> str:
    """Return an IPv4 range from /16 to /24 in its canonical form. Raises `ValueError`."""
    if not 16 <= network(text).prefixlen <= 24:
        raise ValueError(text)
    return str(network(text))


def read_ranges(text: str) -> tuple[str, ...]:
    """Read a list of ranges into their canonical form, "auto" as it is. Raises `ValueError`.

    IPv6 ranges are refused: the box has an IPv4 address only, so that a rule for one would let nobody in.
    """
    found = tuple(name if name == AUTO else str(network(name)) for name in read_names(text))
    if not found:
        raise ValueError(text)
    return tuple(dict.fromkeys(found))


def too_broad(cidr: str) -> bool:
    """Say whether a range is broader than /8, so that "public" is the word for it."""
    return cidr != AUTO and network(cidr).prefixlen < BROADEST[4]


def with_caller_address(cidrs: tuple[str, ...]) -> tuple[str, ...]:
    """Return ranges with the caller's own in place of "auto". Raises `ValueError` with the way out."""
    if AUTO not in cidrs:
        return cidrs
    try:
        address = caller_address()
    except ValueError as error:
        way_out = "pulumi config set gpurig:allowedCidrs 203.0.113.7/32"
        raise ValueError(f'"auto" cannot find your address: {error}; set it yourself: {way_out}') from error
    return tuple(dict.fromkeys(address if cidr == AUTO else cidr for cidr in cidrs))


def caller_address() -> str:
    """Return the caller's public IPv4 address as a /32 range, asked of `$GPURIG_CALLER_ADDRESS_URL` or checkip.

    Raises `ValueError` with the reason when there is no answer within 5 s, or none that is an IPv4 address.
    """
    url = os.environ.get(ADDRESS_URL_VARIABLE, ADDRESS_URL)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http for a stand-in, if the user says so
            text = answer.read(64).decode("ascii", "replace").strip()
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise ValueError(f"{url} does not answer ({error})") from error
    try:
        return f"{ipaddress.IPv4Address(text)}/32"
    except ValueError as error:
        raise ValueError(f'{url} answered "{text}", which is no IPv4 address') from error
