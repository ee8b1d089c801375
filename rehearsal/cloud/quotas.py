"""How many vCPUs an account may run: EC2's quotas by class of instance type, on demand and spot.

There is one account in a process, as there is one moto; `reset` is for the next cloud in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Mapping

PLENTY = 4096.0
"""vCPUs of each quota unless somebody sets it; a new account of AWS has none of most."""
NAMES = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-417A185B": "Running On-Demand P instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
    "L-3819A6DF": "All G and VT Spot Instance Requests",
    "L-7212CCBC": "All P4, P3 and P2 Spot Instance Requests",
    "L-C4BD4855": "All P5 Spot Instance Requests",
}
_ON_DEMAND = {"standard": "L-1216C47A", "g": "L-DB2E81BA", "p": "L-417A185B", "p5": "L-417A185B"}
_SPOT = {"standard": "L-34B43A08", "g": "L-3819A6DF", "p": "L-7212CCBC", "p5": "L-C4BD4855"}
_values: dict[str, float] = {}


def reset() -> None:
    """Have all quotas stand at plenty."""
    _values.clear()


def set_values(values: Mapping[str, Any]) -> None:
    """Set quotas, code → vCPUs. Raises `RehearsalError` for a code that there is not."""
    if unknown := values.keys() - NAMES.keys():
        raise RehearsalError(f"there is no quota {min(unknown)}; there are {', '.join(NAMES)}")
    _values.update({code: float(value) for code, value in values.items()})


def value(code: str) -> float:
    """Return a quota, vCPUs."""
    return _values.get(code, PLENTY)


def code_of(kind: str, *, spot: bool) -> str | None:
    """Return the quota that an instance type counts for; None for one of a class that is not kept here."""
    match = re.match(r"([a-z]+)(\d*)", kind)
    letters, number = match.groups() if match else ("", "")
    if letters in ("g", "gr", "vt"):
        group = "g"
    elif letters == "p":
        group = "p5" if number >= "5" else "p"
    elif letters in ("inf", "trn", "dl", "hpc", "mac", "u", "x", "f") or letters[:1] not in "acdhimrtz":
        return None
    else:
        group = "standard"
    return (_SPOT if spot else _ON_DEMAND)[group]


def vcpus(kind: str) -> int:
    """Return how many vCPUs an instance type counts."""
    count: int = INSTANCE_TYPES[kind]["VCpuInfo"]["DefaultVCpus"]
    return count


def used(backend: Any, code: str) -> int:
    """Return how many vCPUs of a quota the instances of a region's EC2 use: a spot one until it is gone for good."""
    total = 0
    for reservation in backend.all_reservations():
        for instance in reservation.instances:
            spot = bool(getattr(instance, "spot_instance_request_id", None))
            counts = ("pending", "running", "shutting-down") if spot else ("pending", "running")
            if instance.state in counts and code_of(instance.instance_type, spot=spot) == code:
                total += vcpus(instance.instance_type)
    return total
