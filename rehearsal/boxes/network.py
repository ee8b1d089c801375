"""The cloud's network on this machine: a router namespace with one port per box, and a link from this machine to it.

    this machine  198.18.N.1 ──uplink── router 198.18.N.2 ──box10── 198.18.N.10 in a namespace of its own
                                                          ──visitor── 198.18.N.3, somebody who is not the caller

Routed, not bridged: not every kernel tracks connections through a bridge. All names carry the cloud's random tag.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import secrets
import socket
from typing import TYPE_CHECKING

from rehearsal.boxes import firewall, forwarding
from rehearsal.boxes.run import run
from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from rehearsal.boxes.ledger import Ledger
    from rehearsal.hypervisor import Rule

METADATA_ADDRESS = "169.254.169.254"
"""Where an instance asks what it is (EC2 User Guide, "Access instance metadata for an EC2 instance")."""


class Network:
    """One cloud's network; `tag` is at most 8 letters and digits."""

    def __init__(self, tag: str, ledger: Ledger) -> None:
        self._tag, self._ledger = tag, ledger
        self._claim, self._prefix = _claim_subnet()
        self._next = 10
        self.subnet = f"{self._prefix}.0/24"
        self.caller = f"{self._prefix}.1"
        self._router_address = f"{self._prefix}.2"
        self.link = tag
        self.visitor = f"{tag}-visitor"
        self._make_router()
        self._plug("visitor", self.visitor, [f"{self._prefix}.3"])
        self._open_to_the_world()

    def allocate_address(self) -> str:
        """Return the next address; 241 in the life of one cloud."""
        if self._next > 250:
            raise RehearsalError(f"all addresses of {self.subnet} were given out: start the rehearsal cloud anew")
        self._next += 1
        return f"{self._prefix}.{self._next - 1}"

    def connect(self, public: str, private: str) -> str:
        """Make a box's network namespace, cut off by its firewall, and return its name."""
        port, namespace = self._port(public), f"{self._tag}-{public.rpartition('.')[2]}"
        firewall.apply(self._tag, firewall.admit(port, [public, private]))
        self._plug(port, namespace, [public, private])
        return namespace

    def disconnect(self, public: str, private: str) -> None:
        """Undo `connect`."""
        port, namespace = self._port(public), f"{self._tag}-{public.rpartition('.')[2]}"
        remove_namespace(namespace)
        self._ledger.drop("namespace", namespace)
        firewall.apply(self._tag, firewall.dismiss(port, [public, private]))

    def set_rules(self, public: str, rules: tuple[Rule, ...]) -> None:
        """Make a box's security group say exactly this."""
        firewall.apply(self._tag, firewall.security_group(self._port(public), rules))

    def _port(self, public: str) -> str:
        return f"box{public.rpartition('.')[2]}"

    def _make_router(self) -> None:
        self._ledger.take("namespace", self._tag)
        run("ip", "netns", "add", self._tag)
        # The near end goes away with the router's namespace, so the link needs no ledger entry of its own.
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "uplink", "netns", self._tag)
        _ip("", f"addr add {self.caller}/32 dev {self.link}", f"link set {self.link} up")
        _ip(
            self._tag,
            "link set lo up",
            # Every box's way leads through here: nobody outside the boxes reaches this address.
            f"addr add {METADATA_ADDRESS}/32 dev lo",
            f"addr add {self._router_address}/32 dev uplink",
            "link set uplink up",
            f"route add {self.caller} dev uplink",
            f"route add default via {self.caller}",
            # Where no box has an address, nobody answers, as at one that EC2 has taken back.
            f"route add blackhole {self.subnet}",
        )
        _ip("", f"route add {self.subnet} via {self._router_address} dev {self.link} onlink src {self.caller}")
        run("ip", "netns", "exec", self._tag, "sh", "-c", f"echo 1 >{forwarding.SWITCH}")
        firewall.apply(self._tag, firewall.ROUTER_RULES)

    def _open_to_the_world(self) -> None:
        table = forwarding.TABLE_PREFIX + self._tag
        self._ledger.take("table", table)
        forwarding.open_to_the_world(table, self.subnet, self.link)
        self._ledger.take("opening", self.link)
        firewall.open_host_firewall(self.link)

    def _plug(self, port: str, namespace: str, addresses: list[str]) -> None:
        self._ledger.take("namespace", namespace)
        run("ip", "netns", "add", namespace)
        _ip(
            self._tag,
            f"link add {port} type veth peer name eth0 netns {namespace}",
            f"addr add {self._router_address}/32 dev {port}",
            f"link set {port} up",
            *(f"route replace {address} dev {port}" for address in addresses),
        )
        _ip(
            namespace,
            "link set lo up",
            # On EC2 an interface has its private address alone: who takes its first one takes that here.
            *(f"addr add {address}/32 dev eth0" for address in reversed(addresses)),
            "link set eth0 up",
            f"route add {self._router_address} dev eth0",
            f"route add default via {self._router_address} src {addresses[0]}",
            # Within a VPC, a /16 at most, EC2's instances are each other's by their private addresses.
            *(f"route add {_vpc_of(own)} via {self._router_address} src {own}" for own in addresses[1:]),
        )


def _vpc_of(private: str) -> ipaddress.IPv4Network:
    """Return what an instance's network is, at its largest."""
    return ipaddress.IPv4Network(f"{private}/16", strict=False)


def _ip(namespace: str, *commands: str) -> None:
    inside = ["-n", namespace] if namespace else []
    run("ip", *inside, "-batch", "-", stdin="".join(f"{command}\n" for command in commands))


def _claim_subnet() -> tuple[socket.socket, str]:
    """Find a free 198.18.N.0/24 and return its prefix, with the socket that holds it while this process lives."""
    routes = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all"))
    networks = [ipaddress.ip_network(route["dst"], strict=False) for route in routes if route["dst"][0].isdigit()]
    taken = [network for network in networks if network.prefixlen >= 8]  # a VPN's 0.0.0.0/1 takes nothing from us
    first = secrets.randbelow(249)
    for number in range(first, first + 249):
        prefix = f"198.18.{number % 249 + 1}"
        if any(network.overlaps(ipaddress.ip_network(f"{prefix}.0/24")) for network in taken):
            continue
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with contextlib.suppress(OSError):
            claim.bind(f"\0gpurig-{prefix}")
            return claim, prefix
        claim.close()
    raise RehearsalError("no free network in 198.18.0.0/16 on this machine: close other rehearsal clouds")


def namespaces() -> set[str]:
    """Return the names of this machine's network namespaces."""
    return {line.split()[0] for line in run("ip", "netns", "list").splitlines() if line}


def remove_namespace(name: str) -> None:
    """Drop a network namespace, with its links, if it is there."""
    if name in namespaces():
        run("ip", "netns", "delete", name)
