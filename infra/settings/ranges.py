"""Address ranges: read them, put the caller's own in, tell which are too broad."""

from __future__ import annotations

import ipaddress

from infra.settings.checks import read_names
from provision.model.caller import caller_address
from provision.model.target import BROADEST

AUTO = "auto"


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
