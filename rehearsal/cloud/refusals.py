"""How AWS refuses a caller's session or clock: each service has words of its own for it."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.cloud.calls import Call

WINDOW = 300
"""Seconds that a signature may be older, or younger, than AWS's clock."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """An error as AWS gives it."""

    status: int
    code: str
    message: str


def expired(call: Call) -> Refusal:
    """Return what a session that has run out is told."""
    if call.service == "ec2":
        return Refusal(400, "RequestExpired", "Request has expired.")
    message = "The security token included in the request is expired"
    return Refusal(403, "ExpiredTokenException" if call.speaks_json else "ExpiredToken", message)


def skewed(call: Call, seconds: float) -> Refusal:
    """Return what somebody is told whose clock is so far behind AWS's; ahead of it where that is below zero."""
    if call.service == "ec2" and seconds > 0:
        return expired(call)
    if call.service == "ec2":
        return Refusal(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
    signed, now = _stamp(0), _stamp(seconds)
    if seconds > 0:
        message = f"Signature expired: {signed} is now earlier than {_stamp(seconds - WINDOW)} ({now} - 5 min.)"
    else:
        message = f"Signature not yet current: {signed} is still later than {_stamp(seconds + WINDOW)} ({now} + 5 min.)"
    return Refusal(403, "InvalidSignatureException" if call.speaks_json else "SignatureDoesNotMatch", message)


def _stamp(seconds: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + seconds))
