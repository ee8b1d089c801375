"""AWS's partitions: worlds with accounts, addresses and prices of their own, told by the names of their regions.

What is to be had in each is botocore's knowledge (endpoints of 1.44.5). The European Sovereign Cloud and those of
intelligence agencies are not known here.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Partition:
    """What differs between partitions."""

    name: str
    """What ARNs begin with after "arn"."""
    regions: str
    """What the names of its regions begin with."""
    domain: str = "amazonaws.com"
    console: str
    prices: bool = False
    """Whether there is a price list in USD, that its own accounts may ask."""
    budgets: bool = False
    """Whether AWS Budgets counts an account in USD."""


AWS = Partition(name="aws", regions="", console="console.aws.amazon.com", prices=True, budgets=True)
OTHERS = (
    # Its price list, of cn-northwest-1, and its budgets are in CNY.
    Partition(name="aws-cn", regions="cn-", domain="amazonaws.com.cn", console="console.amazonaws.cn"),
    # Its account is billed through one of the partition aws, which has prices and budgets.
    Partition(name="aws-us-gov", regions="us-gov-", console="console.amazonaws-us-gov.com"),
)
UNKNOWN = ("us-iso", "eu-iso", "eusc-")
"""What regions of other partitions begin with."""


def partition_of(region: str) -> Partition:
    """Return the partition that a region is in."""
    return next((one for one in OTHERS if region.startswith(one.regions)), AWS)


def no_prices(partition: Partition) -> str:
    """Return why nobody says what things cost in a partition without a price list of its own."""
    return f"AWS has no price list in USD in {partition.name}"


def principal(service: str, partition: str) -> str:
    """Return how a role's trust names a service of AWS ("ec2").

    EC2's name ends in the partition's domain; those of Scheduler and Budgets are the same everywhere (AWS CDK,
    region-info).
    """
    found = next((one for one in OTHERS if one.name == partition), AWS)
    return f"{service}.{found.domain if service == 'ec2' else AWS.domain}"
