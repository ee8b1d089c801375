"""What the rehearsal's AWS asks for its instances: made-up prices of the right size, and what there is of them.

The figures are those of the project's own table, which are list prices of us-east-1, times a factor for the region.
They are nobody's prices: the Price List that they come in says "rehearsal" where AWS's has its version.
"""

from __future__ import annotations

import functools
import hashlib
import tomllib
from pathlib import Path
from typing import Any

PUBLISHER = "rehearsal"
TABLE = Path(__file__).resolve().parents[2] / "provision" / "model" / "platforms.toml"
PREFIXES = {
    "us-east-1": "",
    "us-east-2": "USE2-",
    "us-west-1": "USW1-",
    "us-west-2": "USW2-",
    "ca-central-1": "CAN1-",
    "eu-west-1": "EU-",
    "eu-west-2": "EUW2-",
    "eu-central-1": "EUC1-",
    "eu-north-1": "EUN1-",
    "ap-northeast-1": "APN1-",
    "ap-southeast-1": "APS1-",
    "ap-southeast-2": "APS2-",
    "ap-south-1": "APS3-",
    "sa-east-1": "SAE1-",
}
"""Region → what AWS puts before the usage types of its bill; other regions have no prices here."""
_FACTORS = {"us": 1.0, "ca": 1.05, "eu": 1.1, "ap": 1.2, "sa": 1.5}
SPOT_SHARE = 0.35
"""Of the price on demand, what spot costs on the whole."""
SPOT_STEP_S = 6 * 3600
"""How long a spot price holds."""


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def _local(usd: float, region: str) -> float:
    return round(usd * _FACTORS[region[:2]], 4)


def on_demand(kind: str, region: str) -> float | None:
    """Return what an hour of an instance type costs, USD; None where there is no price of it."""
    usd = _table()["instance"].get(kind, {}).get("usd_per_hour")
    return None if usd is None or region not in PREFIXES else _local(usd, region)


def kinds() -> list[str]:
    """Return the instance types that have a price."""
    return sorted(_table()["instance"])


def other(key: str, region: str) -> float:
    """Return the price of a disk, a snapshot or an address, by its key in the table."""
    return _local(_table()["prices"][key], region)


def spot(kind: str, zone: str, step: int) -> float | None:
    """Return what an hour of an instance type costs as spot in a zone, in a step of `SPOT_STEP_S` since 1970."""
    usd = on_demand(kind, zone[:-1])
    if usd is None:
        return None
    # Each zone has its level and each step its swing, the same ones whenever they are asked for.
    level, swing = (_share(f"{kind} {zone}"), _share(f"{kind} {zone} {step}"))
    return round(usd * (SPOT_SHARE + 0.1 * level + 0.04 * swing), 4)


def _share(text: str) -> float:
    """Return a number from 0 to 1 that a text always has."""
    return hashlib.sha256(text.encode()).digest()[0] / 255
