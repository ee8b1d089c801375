"""How a provider gets to its account: files, profile, roles one after the other, and which account it may be.

The official provider looks as soon as it is configured (aws-sdk-go-base, `GetAwsConfig`; terraform-provider-aws,
internal/conns/config.go): a role that cannot be taken on, or an account that is not allowed, ends it there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rehearsal.errors import RehearsalError

if TYPE_CHECKING:
    from collections.abc import Mapping


KEYS = ("profile", "customCaBundle", "httpProxy", "httpsProxy", "retryMode", "stsRegion", "tagPolicyCompliance")
"""Settings that are text."""
JSON_KEYS = (
    *("allowedAccountIds", "forbiddenAccountIds", "assumeRoles", "endpoints"),
    *("sharedConfigFiles", "sharedCredentialsFiles", "userAgents"),
    *("tokenBucketRateLimiterCapacity", "useDualstackEndpoint", "useFipsEndpoint"),
)
LOOKED_AT = frozenset({"allowedAccountIds", "forbiddenAccountIds", "assumeRoles"})
"""What a provider asks AWS about before anything else."""
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_GIVEN = {
    "roleArn": "RoleArn",
    "externalId": "ExternalId",
    "policy": "Policy",
    "sourceIdentity": "SourceIdentity",
    "transitiveTagKeys": "TransitiveTagKeys",
}


class Refused(RehearsalError):
    """The provider cannot be configured."""


def session(values: Mapping[str, Any], region: str) -> Any:
    """Return boto3's session for the settings of a provider. Raises `Refused`."""
    from boto3.session import Session  # noqa: PLC0415 - slow, and the port is printed before
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    from botocore.session import Session as Core  # noqa: PLC0415

    core = Core(profile=values.get("profile"))
    for key, variable in (("sharedConfigFiles", "config_file"), ("sharedCredentialsFiles", "credentials_file")):
        for file in values.get(key) or ():
            core.set_config_variable(variable, file)
    made = Session(botocore_session=core, region_name=region)
    for role in values.get("assumeRoles") or ():
        try:
            said = _sts(made, values).assume_role(**_wanted(role))["Credentials"]
        except (BotoCoreError, ClientError) as error:
            raise Refused(
                f"Cannot assume IAM Role: IAM Role ({role.get('roleArn')}) cannot be assumed: {error}"
            ) from error
        keys = (said["AccessKeyId"], said["SecretAccessKey"], said["SessionToken"])
        made = Session(*keys, region_name=region)
    _refuse_account(made, values)
    return made


def _wanted(role: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {theirs: role[ours] for ours, theirs in _GIVEN.items() if ours in role}
    wanted["RoleSessionName"] = role.get("sessionName") or "aws-go-sdk-1700000000000000000"
    if found := re.findall("([0-9]+)([hms])", role.get("duration") or ""):
        wanted["DurationSeconds"] = sum(int(number) * _SECONDS[unit] for number, unit in found)
    if "policyArns" in role:
        wanted["PolicyArns"] = [{"arn": arn} for arn in role["policyArns"]]
    if "tags" in role:
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in role["tags"].items()]
    return wanted


def endpoint(values: Mapping[str, Any], service: str) -> str | None:
    """Return where the settings say that a service answers."""
    named = {name: url for row in values.get("endpoints") or () for name, url in row.items()}
    return named.get(service.replace("-", ""))


def _sts(made: Any, values: Mapping[str, Any]) -> Any:
    return made.client("sts", region_name=values.get("stsRegion"), endpoint_url=endpoint(values, "sts"))


def _refuse_account(made: Any, values: Mapping[str, Any]) -> None:
    allowed, forbidden = values.get("allowedAccountIds") or (), values.get("forbiddenAccountIds") or ()
    if allowed or forbidden:
        account = _sts(made, values).get_caller_identity()["Account"]
        if account in forbidden or (allowed and account not in allowed):
            raise Refused(f"AWS account ID not allowed: {account}")
