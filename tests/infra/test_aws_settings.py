"""`aws:…`: every key that the provider knows reaches it, or is refused by name with what to do; so is any other."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import pulumi_aws as aws
import pytest

from provision.model.aws_settings import REFUSED, TAKEN, in_state, profile_of, reach, reached, read
from tests.infra.lab import GOOD, refused, run

ROLE = {"roleArn": "arn:aws:iam::210987654321:role/lab", "externalId": "of the lab", "duration": "1h30m"}
GIVEN: dict[str, tuple[str, Any]] = {
    "profile": ("gpu", "gpu"),
    "allowedAccountIds": ('["123456789012"]', ["123456789012"]),
    "forbiddenAccountIds": ('["999999999999"]', ["999999999999"]),
    "assumeRoles": (json.dumps([ROLE]), [ROLE]),
    "assumeRole": (json.dumps(ROLE), None),
    "endpoints": ('[{"ec2": "https://ec2.example.com"}]', [{"ec2": "https://ec2.example.com"}]),
    "maxRetries": ("9", 9),
    "retryMode": ("adaptive", "adaptive"),
    "httpProxy": ("http://proxy:3128", "http://proxy:3128"),
    "httpsProxy": ("http://proxy:3128", "http://proxy:3128"),
    "customCaBundle": ("/etc/ssl/proxy.pem", "/etc/ssl/proxy.pem"),
    "sharedConfigFiles": ('["/home/me/config"]', ["/home/me/config"]),
    "sharedCredentialsFiles": ('["/home/me/keys"]', ["/home/me/keys"]),
    "skipCredentialsValidation": ("true", True),
    "skipRegionValidation": ("true", True),
    "stsRegion": ("us-east-2", "us-east-2"),
    "tagPolicyCompliance": ("warning", "warning"),
    "tokenBucketRateLimiterCapacity": ("500", 500),
    "useDualstackEndpoint": ("true", True),
    "useFipsEndpoint": ("true", True),
    "userAgents": ('["lab/1"]', ["lab/1"]),
    "defaultTags": ('{"tags": {"team": "vision"}}', None),
    "ignoreTags": ('{"keys": ["cost"], "keyPrefixes": ["audit:"]}', None),
    "region": ("us-east-1", "us-east-1"),
}
"""Key → what is set, and what the provider gets of it where that is the same."""


def provider(**given: str) -> dict[str, Any]:
    """Return what the provider of everything is configured with."""
    done = run({**GOOD, **{f"aws:{key}": text for key, text in given.items()}})
    (inputs,) = (one.inputs for one in done.declared if one.type == "pulumi:providers:aws" and one.name == "aws")
    return {key: _decoded(value) for key, value in inputs.items()}


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def test_the_table_has_every_key_that_the_provider_knows() -> None:
    known = set(inspect.signature(aws.Provider._internal_init).parameters) - {"__self__", "resource_name", "opts"}
    camel = {re.sub("_(.)", lambda found: found[1].upper(), name) for name in known - {"__props__"}}
    camel = {{"s3UsEast1RegionalEndpoint": "s3UsEast1RegionalEndpoint"}.get(name, name) for name in camel}
    assert {*TAKEN, *REFUSED} - {"assumeRole"} == camel
    assert set(GIVEN) == set(TAKEN)


def test_every_key_that_is_taken_reaches_the_provider() -> None:
    alone = {"assumeRole", "forbiddenAccountIds"}
    inputs = provider(**{key: text for key, (text, _) in GIVEN.items() if key not in alone})
    for key, (_, expected) in GIVEN.items():
        if expected is not None and key not in alone:
            assert inputs[key] == expected, key
    others = provider(**{key: GIVEN[key][0] for key in alone})
    assert (others["assumeRoles"], others["forbiddenAccountIds"]) == ([ROLE], ["999999999999"])


def test_tags_of_the_users_come_beside_those_of_the_program() -> None:
    inputs = provider(defaultTags=GIVEN["defaultTags"][0], ignoreTags=GIVEN["ignoreTags"][0])
    own = {"gpurig:project": "gpurig", "gpurig:stack": "test", "gpurig:managed-by": "pulumi"}
    assert inputs["defaultTags"] == {"tags": {"team": "vision", **own}}
    assert inputs["ignoreTags"] == {
        "keys": ["cost", "gpurig:uptime", "gpurig:attached"],
        "keyPrefixes": ["audit:"],
    }


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("secretKey", "abc", "aws:secretKey: keys do not belong into a stack's file: aws configure --profile NAME"),
        ("insecure", "true", "aws:insecure: an AWS whose certificate nobody checks may be anybody's"),
        ("assumeRoleWithWebIdentity", "{}", "aws:assumeRoleWithWebIdentity: fab cannot follow it: export AWS_ROLE_ARN"),
        ("allowedAcountIds", "[]", 'aws:allowedAcountIds: the AWS provider has no such key; the nearest is "allowedA'),
        ("allowedAccountIds", "123", "aws:allowedAccountIds: '123' will not do; for example: pulumi config set"),
        ("assumeRoles", '[{"roleArn": "lab"}]', "aws:assumeRoles: "),
        ("defaultTags", '{"tags": {"gpurig:stack-id": "0"}}', "(Name and gpurig:… are the program's)"),
        ("ignoreTags", '{"keyPrefixes": ["gp"]}', "(Name and gpurig:… are the program's)"),
        ("endpoints", '[{"ec2": "https://me:secret@ec2.example.com"}]', "aws:endpoints: "),
    ],
)
def test_what_is_refused_is_named_with_the_way_out(key: str, text: str, said: str) -> None:
    assert said in refused({f"aws:{key}": text})


def test_two_that_contradict_each_other_are_refused() -> None:
    both = {"allowedAccountIds": '["123456789012"]', "forbiddenAccountIds": '["999999999999"]'}
    assert "set one of them" in refused({f"aws:{key}": text for key, text in both.items()})


def test_fab_reaches_the_account_as_the_program_does() -> None:
    texts = {key: text for key, (text, _) in GIVEN.items() if key not in ("assumeRole", "forbiddenAccountIds")}
    values, problems = read(texts)
    assert not problems
    done = run({**GOOD, **{f"aws:{key}": text for key, text in texts.items()}})
    (host,) = done.hosts()
    assert host.profile == reach(values)
    assert (profile_of(host.profile), reached(host.profile)["assumeRoles"]) == ("gpu", [ROLE])
    # And so does what reads it in the state.
    (inputs,) = (one.inputs for one in done.declared if one.type == "pulumi:providers:aws" and one.name == "aws")
    assert in_state(inputs) == host.profile


@pytest.mark.parametrize(("texts", "expected"), [({}, ""), ({"profile": "gpu", "region": "us-east-1"}, "gpu")])
def test_a_profile_alone_is_told_by_its_name(texts: dict[str, str], expected: str) -> None:
    done = run({**GOOD, **{f"aws:{key}": text for key, text in texts.items()}})
    (inputs,) = (one.inputs for one in done.declared if one.type == "pulumi:providers:aws" and one.name == "aws")
    assert (done.hosts()[0].profile, in_state(inputs)) == (expected, expected)
