"""The settings `aws:…`: which the AWS provider knows, what they have to be, and which of them are refused, with why.

All that the provider of pulumi-aws 7.51.1 can be configured with is here. What is taken goes to the program's provider
and to the clients of `fab` alike, or else the two would see different accounts; what only one of them can follow is
refused. `assumeRole` is how older versions wrote one of `assumeRoles`.
"""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Any

from provision.model import tag_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMESPACE = "aws"
MAX_RETRIES = 5
"""Where `maxRetries` is not set: the provider's own 25 would repeat "no capacity" for many minutes."""


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _flag(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _texts(text: str) -> list[str]:
    found = json.loads(text)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one for one in found):
        raise ValueError
    return found


def _accounts(text: str) -> list[str]:
    found = [str(one) for one in json.loads(text)]
    if not found or not all(re.fullmatch("[0-9]{12}", one) for one in found):
        raise ValueError
    return found


def _mapping(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError
    return value


def _default_tags(text: str) -> dict[str, dict[str, str]]:
    found = json.loads(text)
    if set(found) != {"tags"}:
        raise ValueError
    tag_rules.check(_mapping(found["tags"]))
    return found  # type: ignore[no-any-return]  # it is what was just checked


def _ignore_tags(text: str) -> dict[str, list[str]]:
    found = json.loads(text)
    if not found or not set(found) <= {"keys", "keyPrefixes"}:
        raise ValueError
    named = [*_texts(json.dumps(found.get("keys", ["-"]))), *_texts(json.dumps(found.get("keyPrefixes", ["-"])))]
    if any(_is_ours(one) or _OURS.startswith(one) for one in named):
        raise ValueError
    return found  # type: ignore[no-any-return]


def _endpoints(text: str) -> list[dict[str, str]]:
    found = json.loads(text)
    rows = [_mapping(one) for one in (found if isinstance(found, list) else [found])]
    if not rows or not all(re.fullmatch(r"https?://[^\s@]+", url) for row in rows for url in row.values()):
        raise ValueError
    return rows


_ROLE = {"roleArn", "externalId", "sessionName", "duration", "policy", "policyArns", "sourceIdentity", "tags"} | {
    "transitiveTagKeys"
}


def _role(value: Any) -> dict[str, Any]:
    if not set(value) <= _ROLE or not re.fullmatch(r"arn:[a-z-]+:iam::[0-9]{12}:role/\S+", value["roleArn"]):
        raise ValueError
    if not re.fullmatch(r"([0-9]+h)?([0-9]+m)?([0-9]+s)?", value.get("duration", "")):
        raise ValueError
    return value  # type: ignore[no-any-return]


def _roles(text: str) -> list[dict[str, Any]]:
    found = [_role(one) for one in json.loads(text)]
    if not found:
        raise ValueError
    return found


_OURS = "gpurig:"


def _is_ours(key: str) -> bool:
    return key == "Name" or key.startswith(_OURS)


_FILE = "'[\"~/.aws/config\"]'"
TAKEN: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "region": (_text, "us-east-1"),
    "profile": (_text, "gpu"),
    "allowedAccountIds": (_accounts, "'[\"123456789012\"]'"),
    "forbiddenAccountIds": (_accounts, "'[\"123456789012\"]'"),
    "assumeRoles": (_roles, '\'[{"roleArn": "arn:aws:iam::123456789012:role/gpu"}]\''),
    "assumeRole": (lambda text: _role(json.loads(text)), '\'{"roleArn": "arn:aws:iam::123456789012:role/gpu"}\''),
    "defaultTags": (_default_tags, '\'{"tags": {"team": "vision"}}\' (Name and gpurig:… are the program\'s)'),
    "ignoreTags": (_ignore_tags, '\'{"keyPrefixes": ["cost:"]}\' (Name and gpurig:… are the program\'s)'),
    "endpoints": (_endpoints, '\'[{"ec2": "https://ec2.example.com"}]\''),
    "maxRetries": (int, "5"),
    "retryMode": (lambda text: {"standard": text, "adaptive": text}[text], "adaptive"),
    "httpProxy": (_text, "http://proxy:3128"),
    "httpsProxy": (_text, "http://proxy:3128"),
    "customCaBundle": (_text, "/etc/ssl/proxy.pem"),
    "sharedConfigFiles": (_texts, _FILE),
    "sharedCredentialsFiles": (_texts, _FILE),
    "skipCredentialsValidation": (_flag, "true"),
    "skipRegionValidation": (_flag, "true"),
    "stsRegion": (_text, "us-east-1"),
    "tagPolicyCompliance": (_text, "warning"),
    "tokenBucketRateLimiterCapacity": (int, "500"),
    "useDualstackEndpoint": (_flag, "true"),
    "useFipsEndpoint": (_flag, "true"),
    "userAgents": (_texts, "'[\"gpurig/1\"]'"),
}
"""Key → what reads it (and raises `ValueError` or the like), and an example."""

_KEYS = "keys do not belong into a stack's file: aws configure --profile NAME; pulumi config set aws:profile NAME"
_METADATA = "fab cannot follow it: export {}, which both follow"
_S3 = "nothing here asks S3 for anything: pulumi config rm aws:{}"
REFUSED: Mapping[str, str] = {
    "accessKey": _KEYS,
    "secretKey": _KEYS,
    "token": _KEYS,
    "assumeRoleWithWebIdentity": _METADATA.format("AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE"),
    "ec2MetadataServiceEndpoint": _METADATA.format("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
    "ec2MetadataServiceEndpointMode": _METADATA.format("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"),
    "skipMetadataApiCheck": _METADATA.format("AWS_EC2_METADATA_DISABLED=true"),
    "noProxy": _METADATA.format("NO_PROXY"),
    "insecure": "an AWS whose certificate nobody checks may be anybody's: set aws:customCaBundle",
    "skipRequestingAccountId": "policies, and the check of the account, need its number",
    "s3UsEast1RegionalEndpoint": _S3.format("s3UsEast1RegionalEndpoint"),
    "s3UsePathStyle": _S3.format("s3UsePathStyle"),
}
"""Key → why it is not taken, and what to do instead."""


def read(raw: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return what is set under `aws:`, by key, and what is wrong with the rest. `assumeRole` comes as `assumeRoles`."""
    values: dict[str, Any] = {}
    problems = []
    for key, text in sorted(raw.items()):
        if why := REFUSED.get(key):
            problems.append(f"{NAMESPACE}:{key}: {why}")
        elif key not in TAKEN:
            nearest = difflib.get_close_matches(key, TAKEN, n=1, cutoff=0)[0]
            problems.append(f'{NAMESPACE}:{key}: the AWS provider has no such key; the nearest is "{nearest}"')
        else:
            reader, example = TAKEN[key]
            try:
                values[key] = reader(text)
            except tag_rules.WrongTags as error:
                problems.append(f"{NAMESPACE}:{key}: {error}: pulumi config set {NAMESPACE}:{key} {example}")
            except (ValueError, KeyError, TypeError, AttributeError):
                way_out = f"pulumi config set {NAMESPACE}:{key} {example}"
                problems.append(f"{NAMESPACE}:{key}: {text!r} will not do; for example: {way_out}")
    if "assumeRole" in values and "assumeRoles" in values:
        problems.append(f"{NAMESPACE}:assumeRole and {NAMESPACE}:assumeRoles: set one of them")
    if "allowedAccountIds" in values and "forbiddenAccountIds" in values:
        problems.append(f"{NAMESPACE}:allowedAccountIds and {NAMESPACE}:forbiddenAccountIds: set one of them")
    if "assumeRole" in values:
        values.setdefault("assumeRoles", [values.pop("assumeRole")])
    several = [key for key in ("sharedConfigFiles", "sharedCredentialsFiles") if len(values.get(key, ())) > 1]
    return values, [*problems, *(f"{NAMESPACE}:{key}: fab reads one such file; put them together" for key in several)]


_OF_THE_PROVIDER = {"region", "defaultTags", "ignoreTags", "tagPolicyCompliance", "tokenBucketRateLimiterCapacity"} | {
    "skipCredentialsValidation",
    "skipRegionValidation",
}
"""What changes nothing of how an account is reached, or is told by itself."""


def reach(values: Mapping[str, Any]) -> str:
    """Return how calls reach the account, in one text: a profile's name where that is all, else JSON."""
    wanted = {key: value for key, value in values.items() if key not in _OF_THE_PROVIDER and value}
    if wanted.get("maxRetries") == MAX_RETRIES:
        del wanted["maxRetries"]
    return wanted.get("profile", "") if set(wanted) <= {"profile"} else json.dumps(wanted, sort_keys=True)


def in_state(inputs: Mapping[str, Any]) -> str:
    """Return the same of a provider, by the inputs that a Pulumi state has: what is not text is JSON text there."""
    found = {key: inputs[key] for key in TAKEN if key in inputs}
    return reach({key: _decoded(value) if TAKEN[key][0] is not _text else value for key, value in found.items()})


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def reached(text: str) -> dict[str, Any]:
    """Read such a text."""
    found: dict[str, Any] = json.loads(text) if text.startswith("{") else {"profile": text}
    return found


def profile_of(text: str) -> str:
    """Return the profile that such a text names, as a message calls it; "" for none."""
    name: str = reached(text).get("profile", "")
    return name
