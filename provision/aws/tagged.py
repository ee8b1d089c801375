"""What services beside EC2 and IAM have of the project, and in which regions of the account there is anything."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from provision.aws.clients import aws_errors, client, listed, tags_of
from provision.aws.holdings import WORKERS, Thing
from provision.model.errors import GpurigError
from provision.model.tags import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence


def elsewhere(profile: str, region: str, project: str) -> list[Thing]:
    """Return what the other services of a region have with the project's tag, as the Tagging API tells: ids are ARNs.

    It also tells of EC2, a while later than EC2 itself. Raises `GpurigError` where it gives no answer.
    """
    wanted = {"TagFilters": [{"Key": PROJECT, "Values": [project]}]}
    with aws_errors(f"cannot ask the Tagging API of {region} what there is of {project}"):
        account = client("resourcegroupstaggingapi", profile, region)
        rows = listed(account, "get_resources", "ResourceTagMappingList", **wanted)
    return [
        Thing(kind=_kind_of(row["ResourceARN"]), id=row["ResourceARN"], region=region, tags=tags_of(row))
        for row in rows
    ]


def schedules(profile: str, region: str, instances: Sequence[Thing]) -> list[Thing]:
    """Return the schedules that end instances; they have no tags, and are of the stack of the instance in their names.

    Those of instances that EC2 has forgotten are nobody's for sure, and left out. Raises `GpurigError`.
    """
    known = {one.id: one for one in instances}
    with aws_errors(f"cannot ask the scheduler of {region} for its schedules"):
        account = client("scheduler", profile, region)
        rows = listed(account, "list_schedules", "Schedules", NamePrefix="gpurig-")
    found = [(row, re.search(r"-(i-[0-9a-f]+)-", row["Name"])) for row in rows]
    return [
        Thing(kind="schedule", id=f"{row['GroupName']}/{row['Name']}", region=region, tags=known[match[1]].tags)
        for row, match in found
        if match and match[1] in known
    ]


def _kind_of(arn: str) -> str:
    """Return "ec2 instance" or "cloudwatch alarm" of an ARN."""
    service, _, rest = arn.split(":", 2)[2].partition(":")
    return f"{service} {re.split('[:/]', rest.split(':', 2)[-1], maxsplit=1)[0]}"


def regions_with_some(profile: str, home: str, project: str) -> tuple[list[str], dict[str, str]]:
    """Return the regions of the account that have something with the project's tag, and why others do not answer.

    Raises `GpurigError` where the account does not say which regions it has.
    """
    with aws_errors("cannot ask EC2 for the regions of the account"):
        regions = [row["RegionName"] for row in client("ec2", profile, home).describe_regions()["Regions"]]

    def some(region: str) -> bool | str:
        try:
            return bool(elsewhere(profile, region, project))
        except GpurigError as error:
            return error.what

    with ThreadPoolExecutor(WORKERS) as pool:
        answers = dict(zip(regions, pool.map(some, regions), strict=True))
    refused = {region: answer for region, answer in answers.items() if isinstance(answer, str)}
    return [region for region, answer in answers.items() if answer is True], refused
