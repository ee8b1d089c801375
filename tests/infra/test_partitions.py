"""GovCloud and China: every name of AWS's is that of the region's partition, and what is not there is refused."""

from __future__ import annotations

import ast
import json
import re

import pytest

from provision.aws.quotas import link
from tests.infra.aws import Aws
from tests.infra.lab import GOOD, ROOT, Run, refused, run

EXAMPLES = {"infra/settings/__init__.py", "provision/model/aws_settings.py", "infra/settings/checks.py"}
"""Files that show a user's own ARN, or take any partition's."""


def in_region(region: str) -> Run:
    """Run a stack with everything that has policies in a region."""
    more = {"gpurig:spot": "false", "gpurig:s3Buckets": '["data"]', "gpurig:maxHours": "8"}
    return run({**GOOD, **more, "aws:region": region}, aws=Aws(region=region))


def texts(done: Run) -> str:
    """Return all that was declared."""
    return json.dumps([one.inputs for one in done.declared if one.type.startswith("aws:")])


@pytest.mark.parametrize(
    ("region", "partition", "ec2"),
    [
        ("us-gov-west-1", "aws-us-gov", "ec2.amazonaws.com"),
        ("cn-north-1", "aws-cn", "ec2.amazonaws.com.cn"),
        ("us-east-1", "aws", "ec2.amazonaws.com"),
    ],
)
def test_policies_and_targets_are_of_the_partition(region: str, partition: str, ec2: str) -> None:
    done = in_region(region)
    told = texts(done)
    assert set(re.findall(r"arn:([a-z-]+):(?:s3|ec2|scheduler|automate)", told)) == {partition}
    (role,) = (one.inputs for one in done.all("Role") if one.name == "box-role")
    assert json.loads(role["assumeRolePolicy"])["Statement"][0]["Principal"] == {"Service": ec2}
    (clock,) = (one.inputs for one in done.all("Role") if one.name == "box-ceiling-role")
    principal = json.loads(clock["assumeRolePolicy"])["Statement"][0]["Principal"]
    assert principal == {"Service": "scheduler.amazonaws.com"}


def test_no_partition_is_written_by_hand() -> None:
    found = set()
    for folder in ("infra", "provision"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and re.search("arn:aws[:(-]", str(node.value)):
                    found.add(str(file.relative_to(ROOT)))
    assert found <= EXAMPLES
    for file in (ROOT / "templates").rglob("*"):
        assert not file.is_file() or b"arn:aws" not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("region", "more", "said"),
    [
        ("us-gov-west-1", {"budgetMonthlyUsd": "5", "budgetEmail": "a@b.c"}, "does not count in USD in aws-us-gov"),
        ("cn-north-1", {"image": "debian-12"}, '"debian-12" is published from in aws-cn is not known here'),
        ("us-iso-east-1", {}, "us-iso-east-1 is in a partition of AWS that gpurig does not know"),
    ],
)
def test_what_a_partition_does_not_have_is_refused(region: str, more: dict[str, str], said: str) -> None:
    assert said in refused({"aws:region": region, **more}, aws=Aws(region=region))


def test_where_there_is_no_price_list_the_table_counts_and_says_so() -> None:
    done = in_region("us-gov-west-1")
    assert any("AWS has no price list in USD in aws-us-gov" in message for message in done.messages)
    assert not [call for call in done.asked if "getProduct" in call.token]


def test_links_lead_to_the_partitions_console() -> None:
    assert link("us-gov-west-1", "L-1").startswith("https://us-gov-west-1.console.amazonaws-us-gov.com/servicequotas")
    assert link("cn-north-1", "L-1").startswith("https://cn-north-1.console.amazonaws.cn/servicequotas")
