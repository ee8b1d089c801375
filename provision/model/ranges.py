"""Ranges of addresses: how much of the internet they are together, and which of them nobody on it ever has."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from provision.model.checks import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network

BROADEST = {4: 8, 6: 32}
"""IP version → prefix length of as many addresses as are not "public" yet, all ranges together; IPv4's: 16 million."""
WIDE = 16
"""Prefix length from which on a share of the internet is worth a word: 65,536 addresses are no office any more."""
_FORM = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?", re.ASCII)

NOBODYS = {
    "0.0.0.0/8": "this network itself (RFC 1122)",
    "127.0.0.0/8": "a machine's own loopback (RFC 1122)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "240.0.0.0/4": "reserved (RFC 1112)",
}
"""Ranges that no packet comes from: a rule for one lets nobody in."""
NOT_ON_THE_INTERNET = {
    "10.0.0.0/8": "private (RFC 1918)",
    "172.16.0.0/12": "private (RFC 1918)",
    "192.168.0.0/16": "private (RFC 1918)",
    "100.64.0.0/10": "shared by a carrier's customers (RFC 6598)",
    "169.254.0.0/16": "link-local (RFC 3927)",
    "192.0.2.0/24": "for examples (RFC 5737)",
    "198.51.100.0/24": "for examples (RFC 5737)",
    "203.0.113.0/24": "for examples (RFC 5737)",
}
"""Ranges that nobody on the internet has; over a VPN or a peering somebody may."""


def network(value: object) -> Network | None:
    """Return a range, None for what is none; Python's own reader takes numbers, netmasks and any text behind a %."""
    if not isinstance(value, str) or not _FORM.fullmatch(value):
        return None
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        return None


def _number(cidrs: Iterable[str], version: int = 4) -> int:
    """Return how many addresses of the internet are in ranges; each counts once, whatever ranges it is in."""
    cidrs = [cidr for cidr in cidrs if not within(cidr, NOT_ON_THE_INTERNET)]
    if version == 4:
        four = [item for cidr in cidrs if isinstance(item := network(cidr), ipaddress.IPv4Network)]
        return sum(item.num_addresses for item in ipaddress.collapse_addresses(four))
    six = [item for cidr in cidrs if isinstance(item := network(cidr), ipaddress.IPv6Network)]
    return sum(item.num_addresses for item in ipaddress.collapse_addresses(six))


def are_public(cidrs: Iterable[str]) -> bool:
    """Tell whether ranges are, all together, broader than what "public" begins with: 256 ranges of /8 are a /0."""
    cidrs = tuple(cidrs)
    bits = {4: 32, 6: 128}
    return any(_number(cidrs, version) > 2 ** (bits[version] - prefix) for version, prefix in BROADEST.items())


def wide(cidrs: Iterable[str]) -> str:
    """Return how much of the internet ranges of IPv4 are, in words, where that is worth a word, else ""."""
    number = _number(cidrs)
    return f"{number:,} addresses, {number / 2**32:.2%} of all that there are" if number >= 2 ** (32 - WIDE) else ""


def within(cidr: str, table: Iterable[str]) -> str:
    """Return the range of a table that a range of IPv4 is in, "" where it is in none."""
    inner = network(cidr)
    if not isinstance(inner, ipaddress.IPv4Network):
        return ""
    return next((name for name in table if inner.subnet_of(ipaddress.IPv4Network(name))), "")


RANGES = Kind(
    'a list of address ranges such as "198.51.100.7/32" or "10.1.0.0/16", all together none broader than /8 '
    "(IPv6: /32)",
    lambda value: (
        isinstance(value, list | tuple) and all(network(item) is not None for item in value) and not are_public(value)
    ),
)
