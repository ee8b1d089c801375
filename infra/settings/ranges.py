"""Address ranges: read them, put the caller's own in, tell which are the public, and which are nobody's."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from infra.settings.checks import read_names
from provision.model.caller import caller_address
from provision.model.ranges import NOBODYS, NOT_ON_THE_INTERNET, are_public, wide, within

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def problems(cidrs: Sequence[str], *, allow_public: bool) -> list[str]:
    """Return why ranges cannot be let in: all together they are the public, or nobody can come from one."""
    found = [
        f'"{cidr}" is in {name}, which is {NOBODYS[name]}: nobody comes from there; name the address that the internet '
        'sees you under ("auto" finds it)'
        for cidr in cidrs
        if (name := within(cidr, NOBODYS))
    ]
    if not allow_public and are_public(cidrs):
        some = ", ".join(cidrs[:3]) + (f" and {len(cidrs) - 3} more" if len(cidrs) > 3 else "")
        found.append(
            f'"{some}" opens the box to the public ({wide(cidrs)}); name your own addresses ("auto" finds them), or '
            "set gpurig:allowPublic true if that is really wanted"
        )
    return found


def warnings(cidrs: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return what a user should know of ranges that are let in at each `up`; `given`: as they were set, "auto" too."""
    found = [f"port 22 and the services are open to {share}"] if (share := wide(cidrs)) else []
    for cidr in cidrs:
        if name := within(cidr, NOT_ON_THE_INTERNET):
            whose = '"auto" found it' if cidr not in given else "it lets in nobody from the internet"
            found.append(
                f"{cidr} is in {name}, which is {NOT_ON_THE_INTERNET[name]}: {whose}; is it yours, over a VPN?"
            )
    return found


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
