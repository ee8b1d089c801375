"""AWS's clients: one per service, account and region; the first of an account takes a third of a second of work."""

from __future__ import annotations

import contextlib
import email.utils
import functools
import threading
import time
from typing import TYPE_CHECKING, Any

from provision.aws import sessions
from provision.model.aws_settings import reached
from provision.model.errors import GpurigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provision.model.host import Host

# Clients may be shared by threads, the sessions that make them may not.
_LOCK = threading.Lock()
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
"""Codes of AWS's, the third of them EC2's."""
_SKEWED = (
    "RequestExpired",
    "AuthFailure",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "RequestTimeTooSkewed",
)
"""Codes that may mean a wrong clock: AWS refuses what was signed more than five minutes from its own."""
_THROTTLED = ("RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException")
SKEW = 300
"""Seconds."""
AGAIN = "the same command again, in a minute: AWS did not answer as it should, and what it has done is found as it is"
_NOT_SIGNED_ON = (
    *("SSOTokenLoadError", "UnauthorizedSSOTokenError", "TokenRetrievalError"),
    *("LoginRefreshRequired", "LoginTokenLoadError"),
)
"""Botocore's exceptions, by their names: it is not imported here."""


def client(service: str, reach: str, region: str) -> Any:
    """Return the client of a service in a region; `reach` is how to get to the account ("": as the environment says).

    `reach` is a profile's name, or what else `aws:` settings say (`provision.model.aws_settings.reach`). Raises
    botocore's `BotoCoreError` where there is no such profile, `GpurigError` where the account is none of those allowed.
    """
    with _LOCK:
        return _made(service, reach, region)


@functools.cache
def _made(service: str, reach: str, region: str) -> Any:
    return sessions.client(_session(reach), reached(reach), service, region)


@functools.cache
def _session(reach: str) -> Any:
    # One for all clients of an account: it reads what each service is like once, and a client for every region of AWS
    # then takes no longer than two would that have a session each.
    return sessions.session(reached(reach))


def client_of(host: Host, service: str = "ec2") -> Any:
    """Return the client of a service in the host's account and region. Raises `GpurigError` where there is none."""
    with aws_errors(f"cannot reach the AWS account of {host}"):
        return client(service, host.profile, host.region)


@contextlib.contextmanager
def aws_errors(wrong: str) -> Iterator[None]:
    """Turn what botocore raises into a `GpurigError` that begins with `wrong`."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, WaiterError  # noqa: PLC0415

    try:
        yield
    except NoCredentialsError as error:
        raise GpurigError(
            f"{wrong}: there are no AWS credentials", hint="aws configure, or export AWS_PROFILE"
        ) from error
    except (BotoCoreError, ClientError, WaiterError) as error:
        raise GpurigError(f"{wrong}: {error}", hint=_way_out(error)) from error


def _way_out(error: BaseException) -> str:
    """Return what to do about what botocore raised; "" where it is the request that is wrong."""
    if _code(error) in _SKEWED and (minutes := _behind(error) / 60):
        where = "behind" if minutes > 0 else "ahead of"
        return (
            f"the clock of this machine is {abs(minutes):.0f} minutes {where} AWS's: set it (timedatectl set-ntp true)"
        )
    if is_expired(error):
        return "log in again: aws sso login --profile NAME, or renew the keys"
    answer = answer_of(error)
    passes = not answer or answer["ResponseMetadata"]["HTTPStatusCode"] >= 500 or _code(error) in _THROTTLED
    return AGAIN if passes else ""


def _behind(error: BaseException) -> float:
    """Return by how many seconds this machine's clock is behind AWS's, as its answer says; 0 where it may be right."""
    try:
        seconds = now_of(answer_of(error)) - time.time()
    except GpurigError:
        return 0.0
    return seconds if abs(seconds) > SKEW else 0.0


def answer_of(error: BaseException | None) -> Mapping[str, Any]:
    """Return AWS's answer that botocore raised, {} where none came: what it raises then may have a `response`, too."""
    return getattr(error, "response", None) or {}


def _code(error: BaseException) -> str:
    return str(answer_of(error).get("Error", {}).get("Code", ""))


def is_expired(error: BaseException) -> bool:
    """Tell whether what botocore raised means that a sign-on has run out, or was never made."""
    return _code(error) in _EXPIRED or type(error).__name__ in _NOT_SIGNED_ON


def now_of(answer: Mapping[str, Any]) -> float:
    """Return when AWS gave an answer, seconds of UTC: what its other times are to be compared with.

    The clock of a laptop may be minutes off; AWS's own stands in the Date of each of its answers. Raises `GpurigError`
    where there is none.
    """
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return email.utils.parsedate_to_datetime(said).timestamp()
    except ValueError as error:
        raise GpurigError(
            f'AWS\'s answer says no time (its Date is "{said}")', hint="is there a proxy that changes answers?"
        ) from error


def error_code(error: BaseException) -> str:
    """Return the code that AWS gave a `GpurigError` of `aws_errors` ("DryRunOperation"); "" where it gave none."""
    return _code(error.__cause__) if error.__cause__ else ""


def listed(account: Any, operation: str, key: str, **asked: Any) -> list[Any]:
    """Return all that a client lists under `key`, page after page, of an operation in Python's spelling."""
    return [row for page in account.get_paginator(operation).paginate(**asked) for row in page[key]]


def tag_filters(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return EC2's filters for what carries all these tags."""
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]


def tags_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of what EC2 describes."""
    return {tag["Key"]: tag["Value"] for tag in row.get("Tags", ())}


def tag_pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as EC2 takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
