"""How many vCPUs the account may run of an instance type's class, on demand or spot, and how many of them it runs."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from provision.aws import instances
from provision.aws.clients import aws_errors, client
from provision.model.partitions import partition_of
from provision.model.platforms import instance_types

# The codes are the same in all accounts and regions (docs.aws.amazon.com/ec2, "Amazon EC2 instance type quotas").
_ON_DEMAND = {"standard": "L-1216C47A", "g": "L-DB2E81BA", "p": "L-417A185B", "p5": "L-417A185B"}
_SPOT = {"standard": "L-34B43A08", "g": "L-3819A6DF", "p": "L-7212CCBC", "p5": "L-C4BD4855"}
_OTHERS = ("inf", "trn", "dl", "hpc", "mac", "u", "x", "f")
"""Families with quotas of their own, none of which has a GPU that a recipe knows."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quota:
    """What an account may run of one class of instance types in a region, and what it runs."""

    code: str
    """ "L-DB2E81BA"."""
    name: str
    """AWS's words for it."""
    vcpus: int
    used: int
    """vCPUs of the instances that count now."""
    link: str
    """Where in AWS's console more is asked for."""

    @property
    def left(self) -> int:
        """How many vCPUs may still be started."""
        return max(0, self.vcpus - self.used)


def code_of(instance_type: str, *, spot: bool) -> str:
    """Return the code of the quota that an instance type counts for; "" where it is of a class that is not known here.

    Spot P5 and newer have a quota of their own, apart from older P types.
    """
    match = re.match(r"([a-z]+)(\d*)", instance_type)
    letters, number = match.groups() if match else ("", "")
    if letters in ("g", "gr", "vt"):
        group = "g"
    elif letters == "p":
        group = "p5" if int(number or 0) >= 5 else "p"
    elif letters and letters not in _OTHERS and letters[0] in "acdhimrtz":
        group = "standard"
    else:
        return ""
    return (_SPOT if spot else _ON_DEMAND)[group]


def link(region: str, code: str) -> str:
    """Return where in the console a quota is raised."""
    return f"https://{region}.{partition_of(region).console}/servicequotas/home/services/ec2/quotas/{code}"


def of(profile: str, region: str, code: str) -> Quota:
    """Ask for a quota and what is used of it. Raises `GpurigError` where AWS does not say."""
    with aws_errors(f"the quota {code} of {region} cannot be asked"):
        found = _asked(client("service-quotas", profile, region), code)
    return Quota(
        code=code,
        name=found["QuotaName"],
        vcpus=int(found["Value"]),
        used=_used(profile, region, code),
        link=link(region, code),
    )


def _asked(account: Any, code: str) -> Any:
    """Return a quota: the account's own value, else what AWS gives to everybody."""
    try:
        return account.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]
    except account.exceptions.NoSuchResourceException:
        return account.get_aws_default_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]


def _used(profile: str, region: str, code: str) -> int:
    """Return the vCPUs that count for a quota; a spot instance does until it is gone for good."""
    states = ["pending", "running", "shutting-down"]
    with aws_errors(f"EC2 does not tell what runs in {region}"):
        ec2 = client("ec2", profile, region)
        found = instances.rows(ec2, [{"Name": "instance-state-name", "Values": states}])
    counted = [row for row in found if _code_of_instance(row) == code]
    return sum(_vcpus(row) for row in counted)


def _code_of_instance(row: Any) -> str:
    spot = row.get("InstanceLifecycle") == "spot"
    counts = spot or row["State"]["Name"] != "shutting-down"
    return code_of(row["InstanceType"], spot=spot) if counts else ""


def _vcpus(row: Any) -> int:
    if known := instance_types().get(row["InstanceType"]):
        return known.vcpus
    options = row.get("CpuOptions") or {}
    return int(options.get("CoreCount") or 1) * int(options.get("ThreadsPerCore") or 1)
