"""Security groups and address translation as nftables rules, all of them outside the boxes.

A box's traffic passes the router's namespace, which root in the box cannot enter: what a security group does not allow
is dropped there without an answer, as on EC2; replies pass, and so does all that a box sends, from its own addresses.
"""

from __future__ import annotations

import ipaddress
import shutil
from typing import TYPE_CHECKING

from rehearsal.boxes.run import run
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.hypervisor import Rule

ROUTER_RULES = """
add table ip boxes
add map ip boxes ports { type ifname : verdict; }
add set ip boxes sources { type ifname . ipv4_addr; }
add chain ip boxes forward { type filter hook forward priority 0; policy drop; }
add rule ip boxes forward iifname "box*" iifname . ip saddr != @sources drop
add rule ip boxes forward ct state established,related accept
add rule ip boxes forward oifname { "uplink", "visitor" } accept
add rule ip boxes forward oifname vmap @ports
"""


def apply(namespace: str, rules: str) -> None:
    """Load nftables statements, all or none, in a network namespace."""
    run("ip", "netns", "exec", namespace, "nft", "-f", "-", stdin=rules)


def admit(port: str, addresses: Iterable[str]) -> str:
    """Return the statements that put a box's port behind a chain of its own, which lets nothing in yet."""
    sources = ", ".join(f'"{port}" . {address}' for address in addresses)
    return f"""
add chain ip boxes {port}
add element ip boxes sources {{ {sources} }}
add element ip boxes ports {{ "{port}" : jump {port} }}
"""


def dismiss(port: str, addresses: Iterable[str]) -> str:
    """Return the statements that undo `admit`."""
    sources = ", ".join(f'"{port}" . {address}' for address in addresses)
    return f"""
delete element ip boxes ports {{ "{port}" }}
delete element ip boxes sources {{ {sources} }}
flush chain ip boxes {port}
delete chain ip boxes {port}
"""


def security_group(port: str, rules: Iterable[Rule]) -> str:
    """Return the statements that make a port let in exactly what `rules` say."""
    lines = [f"flush chain ip boxes {port}"]
    lines += [f"add rule ip boxes {port} {_match(rule)} accept" for rule in rules if _is_ipv4(rule)]
    return "\n".join(lines) + "\n"


def _is_ipv4(rule: Rule) -> bool:
    return ipaddress.ip_network(rule.cidr, strict=False).version == 4


def _match(rule: Rule) -> str:
    source = f"ip saddr {ipaddress.ip_network(rule.cidr, strict=False)}"
    if rule.protocol == "-1":
        return source
    if rule.protocol in {"tcp", "6", "udp", "17"}:
        name = {"6": "tcp", "17": "udp"}.get(rule.protocol, rule.protocol)
        return f"{source} {name} dport {rule.first}-{rule.last}"
    if rule.protocol in {"icmp", "1"} and rule.first >= 0 and rule.last <= 255:
        return f"{source} icmp type {rule.first}"
    return f"{source} ip protocol {rule.protocol}"


def masquerade(table: str, subnet: str, link: str) -> str:
    """Return the statements by which boxes reach what this machine reaches, under this machine's address."""
    return f"""
add table ip {table}
add chain ip {table} postrouting {{ type nat hook postrouting priority srcnat; }}
add rule ip {table} postrouting ip saddr {subnet} oifname != "{link}" masquerade
"""


def remove_table(table: str) -> None:
    """Drop a table of this machine if it is there."""
    run("nft", "-f", "-", stdin=f"add table ip {table}\ndelete table ip {table}\n")


def tables() -> set[str]:
    """Return the names of this machine's IPv4 tables."""
    return {line.split()[-1] for line in run("nft", "list", "tables", "ip").splitlines() if line}


def _openings(link: str) -> list[list[str]]:
    mark = ["-j", "ACCEPT", "-m", "comment", "--comment", "rehearsal cloud"]
    return [["INPUT", "-i", link, *mark], ["FORWARD", "-i", link, *mark], ["FORWARD", "-o", link, *mark]]


def open_host_firewall(link: str) -> None:
    """Let the boxes' traffic past the rules of Docker or ufw, where there are any: they drop what they do not know."""
    if shutil.which("iptables") and "DROP" in run("iptables", "-w", "-S"):
        for rule in _openings(link):
            run("iptables", "-w", "-I", *rule)


def close_host_firewall(link: str) -> None:
    """Undo `open_host_firewall`, whatever of it was done."""
    if not shutil.which("iptables"):
        return
    for rule in _openings(link):
        try:
            run("iptables", "-w", "-D", *rule)
        except RehearsalError:
            continue  # iptables has no word for "if it is there"
