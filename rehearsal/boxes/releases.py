"""How each kind of thing that is taken from this machine is given back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.boxes import cgroups, firewall, forwarding, network, volumes
from rehearsal.boxes.box import remove_folder
from rehearsal.boxes.ledger import Ledger, alone, ledger_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# In this order: a disk is free once its box is dead.
RELEASES: dict[str, Callable[[str], object]] = {
    "cgroup": cgroups.kill,
    "loop": volumes.release_loop,
    "folder": remove_folder,
    "namespace": network.remove_namespace,
    "opening": firewall.close_host_firewall,
    "table": forwarding.close_to_the_world,
}


def sweep(state: Path) -> list[str]:
    """Give back all that a killed cloud of this state folder took from the machine, and return what it was.

    Volumes and snapshots stay. Raises RehearsalError while that cloud still runs.
    """
    if not ledger_of(state).exists():
        return []
    with alone(state):
        return Ledger(ledger_of(state)).give_back(RELEASES)
