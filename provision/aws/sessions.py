"""How calls of `fab` reach an account, as the settings under `aws:` say: the profile, roles to take on, the way there.

The AWS provider does the same for `pulumi up` by the same settings; what it checks of the account is checked here too,
before the first call: a box is not to be stopped in the wrong account.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from provision.model.aws_settings import MAX_RETRIES
from provision.model.errors import GpurigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Settings = Mapping[str, Any]

_S3: Mapping[str, Any] = {"signature_version": "s3v4", "s3": {"addressing_style": "virtual"}}
"""For links: else botocore signs them in the old way, for an address that knows a new bucket late."""
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_ROLE = {
    "roleArn": "RoleArn",
    "externalId": "ExternalId",
    "policy": "Policy",
    "sourceIdentity": "SourceIdentity",
    "transitiveTagKeys": "TransitiveTagKeys",
}
"""What a role is taken on with, as the provider calls it → as STS does."""


def session(settings: Settings) -> Any:
    """Return the session of an account. Raises botocore's `BotoCoreError`, or `GpurigError` for a wrong account."""
    # Not boto3, which is this and a tenth more to import; and here, as most commands need not pay for it.
    import botocore.session  # noqa: PLC0415

    made = botocore.session.Session(profile=settings.get("profile") or None)
    for key, variable in (("sharedConfigFiles", "config_file"), ("sharedCredentialsFiles", "credentials_file")):
        for file in settings.get(key, ()):
            made.set_config_variable(variable, file)
    for role in settings.get("assumeRoles", ()):
        made = _in_role(made, settings, role)
    _refuse_account(made, settings)
    return made


def client(made: Any, settings: Settings, service: str, region: str) -> Any:
    """Return a client of a session, with all that the settings say of the way to a service."""
    from botocore.config import Config  # noqa: PLC0415 - as above

    proxies = {"http": settings.get("httpProxy"), "https": settings.get("httpsProxy")}
    config = Config(
        # Adaptive slows all threads down together where the account's calls per second run out: fifty hosts poll.
        retries={
            "mode": settings.get("retryMode", "adaptive"),
            "max_attempts": settings.get("maxRetries", MAX_RETRIES),
        },
        proxies={scheme: proxy for scheme, proxy in proxies.items() if proxy} or None,
        use_dualstack_endpoint=settings.get("useDualstackEndpoint"),
        use_fips_endpoint=settings.get("useFipsEndpoint"),
        user_agent_extra=" ".join(settings.get("userAgents", ())) or None,
        **(_S3 if service == "s3" else {}),
    )
    return made.create_client(
        service,
        region_name=region or None,
        endpoint_url=_endpoint(settings, service),
        verify=settings.get("customCaBundle"),
        config=config,
    )


def _endpoint(settings: Settings, service: str) -> str | None:
    """Return where a service is asked, where the settings say; the provider writes its name without hyphens."""
    named = {name: url for row in settings.get("endpoints", ()) for name, url in row.items()}
    return named.get(service.replace("-", ""))


def _in_role(made: Any, settings: Settings, role: Mapping[str, Any]) -> Any:
    """Return a session in a role, whose credentials are asked for again before they run out."""
    import botocore.session  # noqa: PLC0415
    from botocore.credentials import DeferredRefreshableCredentials  # noqa: PLC0415

    inside = botocore.session.Session()
    inside._credentials = DeferredRefreshableCredentials(_taking_on(made, settings, role), "assume-role")  # noqa: SLF001
    inside.set_config_variable("region", made.get_config_variable("region"))
    return inside


def _taking_on(made: Any, settings: Settings, role: Mapping[str, Any]) -> Callable[[], dict[str, str]]:
    wanted = {theirs: role[ours] for ours, theirs in _ROLE.items() if ours in role}
    wanted["RoleSessionName"] = role.get("sessionName") or "gpurig"
    if duration := role.get("duration"):
        wanted["DurationSeconds"] = sum(int(n) * _SECONDS[unit] for n, unit in re.findall("([0-9]+)([hms])", duration))
    if "policyArns" in role:
        wanted["PolicyArns"] = [{"arn": arn} for arn in role["policyArns"]]
    if "tags" in role:
        wanted["Tags"] = [{"Key": key, "Value": value} for key, value in role["tags"].items()]

    def fresh() -> dict[str, str]:
        said = _sts(made, settings).assume_role(**wanted)["Credentials"]
        return {
            "access_key": said["AccessKeyId"],
            "secret_key": said["SecretAccessKey"],
            "token": said["SessionToken"],
            "expiry_time": said["Expiration"].isoformat(),
        }

    return fresh


def _sts(made: Any, settings: Settings) -> Any:
    region = settings.get("stsRegion") or made.get_config_variable("region") or "us-east-1"
    return client(made, settings, "sts", region)


def _refuse_account(made: Any, settings: Settings) -> None:
    """Raise `GpurigError` where the credentials are of an account that `aws:` does not allow, or forbids."""
    allowed, forbidden = settings.get("allowedAccountIds", ()), settings.get("forbiddenAccountIds", ())
    if not (allowed or forbidden):
        return
    caller = _sts(made, settings).get_caller_identity()
    account = caller["Account"]
    if account in forbidden or (allowed and account not in allowed):
        key = "forbiddenAccountIds" if account in forbidden else "allowedAccountIds"
        listed = ", ".join(forbidden if account in forbidden else allowed)
        hint = "other credentials: export AWS_PROFILE, or pulumi config set aws:profile NAME"
        raise GpurigError(f"{caller['Arn']} is of the account {account}, and aws:{key} is {listed}", hint=hint)
