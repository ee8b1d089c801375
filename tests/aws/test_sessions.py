"""How `fab` reaches an account: what `aws:` says holds before the first call that could change something."""

from __future__ import annotations

import json

import pytest

from provision.aws import clients, sessions
from provision.model.aws_settings import reach, read
from provision.model.errors import GpurigError
from tests.kit.cloud import Wired

ROLE = "arn:aws:iam::123456789012:role/lab"


def reached(**texts: str) -> str:
    """Return how an account is reached with these settings."""
    values, problems = read(texts)
    assert not problems
    return reach(values)


def test_an_account_that_is_not_allowed_is_refused_before_any_other_call(wired: Wired) -> None:
    wrong = reached(allowedAccountIds='["210987654321"]')
    with pytest.raises(GpurigError, match="of the account 123456789012, and aws:allowedAccountIds is 210987654321"):
        clients.client("ec2", wrong, "us-east-1")
    with pytest.raises(GpurigError, match="aws:forbiddenAccountIds is 123456789012"):
        clients.client("ec2", reached(forbiddenAccountIds='["123456789012"]'), "us-east-1")
    right = reached(allowedAccountIds='["123456789012"]')
    assert clients.client("ec2", right, "us-east-1").describe_regions()["Regions"]
    assert {call["action"] for call in wired.cloud.calls()} == {"GetCallerIdentity", "DescribeRegions"}


def test_roles_are_taken_on_one_after_the_other(wired: Wired) -> None:
    inner = {"roleArn": f"{ROLE}-inner", "sessionName": "eve", "externalId": "x1", "duration": "1h"}
    through = reached(assumeRoles=json.dumps([{"roleArn": ROLE}, inner]))
    who = clients.client("sts", through, "us-east-1").get_caller_identity()["Arn"]
    assert who == "arn:aws:sts::123456789012:assumed-role/lab-inner/eve"
    asked = [call["params"] for call in wired.cloud.calls("AssumeRole")]
    assert [(one["RoleArn"], one["RoleSessionName"]) for one in asked] == [(ROLE, "gpurig"), (f"{ROLE}-inner", "eve")]
    assert (asked[1]["ExternalId"], asked[1]["DurationSeconds"]) == ("x1", "3600")


def test_the_rest_of_the_way_is_that_of_the_settings(wired: Wired) -> None:
    said = reached(
        endpoints=json.dumps([{"servicequotas": f"{wired.cloud.endpoint}/there", "ec2": wired.cloud.endpoint}]),
        maxRetries="9",
        retryMode="standard",
        httpsProxy="http://proxy:3128",
        userAgents='["lab/1"]',
        useFipsEndpoint="true",
    )
    made = clients.client("service-quotas", said, "us-east-1")
    assert made.meta.endpoint_url == f"{wired.cloud.endpoint}/there"
    config = made.meta.config
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 10)
    assert (config.proxies, config.use_fips_endpoint) == ({"https": "http://proxy:3128"}, True)
    assert config.user_agent_extra == "lab/1"


def test_files_of_its_own_are_read(wired: Wired, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("aws") / "keys"
    file.write_text("[gpu]\naws_access_key_id = OTHER\naws_secret_access_key = of-a-test\n")
    said = reached(profile="gpu", sharedCredentialsFiles=json.dumps([str(file)]))
    made = sessions.session({"profile": "gpu", "sharedCredentialsFiles": [str(file)]})
    assert made.get_credentials().access_key == "OTHER"
    assert clients.client("ec2", said, "us-east-1").describe_regions()["Regions"]
    assert wired.cloud.calls()
