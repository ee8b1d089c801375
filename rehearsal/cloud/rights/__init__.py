"""Who may make which call: what it has to be allowed, held against its caller's policies.

A user of the account, that is one with an access key that IAM made, may do what policies say, as in AWS. Whoever comes
with another key may do all, as an account's root may.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from rehearsal.cloud import permissions
from rehearsal.cloud.permissions import Wish
from rehearsal.cloud.rights import ec2, iam, s3, services
from rehearsal.cloud.rights.asked import Asked

if TYPE_CHECKING:
    from rehearsal.cloud.calls import Call

_SERVICES = {
    "ec2": ec2.wishes,
    "iam": iam.wishes,
    "scheduler": services.scheduler,
    "monitoring": services.alarms,
    "budgets": services.budgets,
    "ssm": services.parameters,
    "s3": s3.wishes,
}
_PREFIXES = {"tagging": "tag"}
"""Of the rights of a service whose name in a signature is another one."""
_FREE = ("sts:GetCallerIdentity",)
"""What nobody needs a right for."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What was found of a caller's rights to a call."""

    wishes: tuple[Wish, ...] = ()
    """What it needs to be allowed; of a caller that may do all, nothing is asked for."""
    refusal: str = ""
    """Why it is not allowed, in AWS's words; "" where it is."""


def judge(call: Call, body: bytes, credential: str) -> Judgement:
    """Find out whether a caller may do what it asks for.

    `credential` is that of its signature: `KEY/DAY/REGION/SERVICE/aws4_request`.
    """
    key, _, region, *_ = [*credential.split("/"), "", "", ""]
    person = permissions.user(key) if key else None
    if person is None:
        return Judgement()
    wishes = tuple(_wishes(call, body, person.account_id, region))
    denied = permissions.refused_to_user(person, wishes)
    if denied is None:
        return Judgement(wishes)
    wish, why = denied
    what = f"{wish.action} on resource: {wish.resource}"
    return Judgement(wishes, f"User: {person.arn} is not authorized to perform: {what} {why}")


def _wishes(call: Call, body: bytes, account: str, region: str) -> list[Wish]:
    """Return what a call has to be allowed."""
    if call.service in _SERVICES:
        return list(_SERVICES[call.service](Asked.read(call, body, account, region)))
    action = f"{_PREFIXES.get(call.service, call.service)}:{call.action}"
    return [] if action in _FREE else [Wish(action=action, resource="*")]
