"""The machine's forwarding switch: on as long as a cloud needs it, and left on where others have come to need it.

A cloud that turns it on leaves a table of its own, which says so to the last cloud that goes. The table has a chain for
each thing that could forward already, so that one which came meanwhile (a container engine's bridge, a router's rules)
is told from those that did without forwarding before. Table and switch both end with the machine's uptime.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.boxes import firewall
from rehearsal.boxes.run import run
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH = Path("/proc/sys/net/ipv4/ip_forward")
TABLE_PREFIX = "gpurig_"
_MARK = TABLE_PREFIX + "turned_forwarding_on"
_LINK_OF_A_CLOUD = re.compile(r"gr[0-9a-f]{6}")
_HOOKS = ("forward", "postrouting")


def open_to_the_world(table: str, subnet: str, link: str) -> None:
    """Masquerade what boxes send, and have this machine forward it."""
    with _one_at_a_time():
        run("nft", "-f", "-", stdin=firewall.masquerade(table, subnet, link))
        if SWITCH.read_text().strip() == "0":
            chains = "".join(f"add chain ip {_MARK} {name}\n" for name in _forwarders())
            run("nft", "-f", "-", stdin=f"add table ip {_MARK}\n{chains}")
            SWITCH.write_text("1")


def close_to_the_world(table: str) -> None:
    """Drop a cloud's masquerading; the last cloud to go turns off what a cloud turned on, if nobody else needs it."""
    with _one_at_a_time():
        firewall.remove_table(table)
        ours = {name for name in firewall.tables() if name.startswith(TABLE_PREFIX)}
        if ours == {_MARK}:
            before = {one["chain"]["name"] for one in _nftables("table", "ip", _MARK) if "chain" in one}
            if _forwarders() <= before:
                SWITCH.write_text("0")
            firewall.remove_table(_MARK)


def _forwarders() -> set[str]:
    """Return what here but the clouds may forward: virtual links, and chains with rules for what passes through."""
    links = json.loads(run("ip", "-json", "-details", "link"))
    virtual = {link["ifname"] for link in links if link.get("linkinfo", {}).get("info_kind")}
    listed = [one for one in _nftables("ruleset") if not one.get("chain", {}).get("table", "").startswith(TABLE_PREFIX)]
    passed = {_address(chain, "name") for one in listed if (chain := one.get("chain", {})).get("hook") in _HOOKS}
    ruled = {_address(one["rule"], "chain") for one in listed if "rule" in one}
    names = {f"link_{name}" for name in virtual if not _LINK_OF_A_CLOUD.fullmatch(name)}
    return {re.sub(r"\W", "_", name) for name in names | {f"chain_{chain}" for chain in passed & ruled}}


def _address(thing: dict[str, str], name: str) -> str:
    return f"{thing['family']}_{thing['table']}_{thing[name]}"


def _nftables(*what: str) -> list[dict[str, dict[str, str]]]:
    listed: list[dict[str, dict[str, str]]] = json.loads(run("nft", "-j", "list", *what))["nftables"]
    return listed


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep clouds of one machine from changing the shared switch at the same moment."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        for wait in [*([0.05] * 200), 0]:
            try:
                claim.bind("\0gpurig-forwarding")
                break
            except OSError:
                if not wait:
                    raise RehearsalError("another rehearsal cloud has held the forwarding switch for 10 s") from None
                time.sleep(wait)
        yield
