"""What somebody may do, by policies: a role that a service takes on, or a user that has made an access key."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
from typing import TYPE_CHECKING, Any

from moto.iam.models import iam_backends

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """One thing that somebody wants to do."""

    action: str
    """`ec2:StopInstances`."""
    resource: str
    """The ARN that it is done to; "*" where the action knows no single resource."""
    context: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Condition keys and their values."""


def role(arn: str) -> Any:
    """Return moto's record of a role, None where there is none."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    return (
        next((one for one in iam_backends[account]["aws"].roles.values() if one.arn == arn), None) if account else None
    )


def user(access_key: str) -> Any:
    """Return moto's record of the user that an access key is of; None where it is no user's, as the rehearsal's own."""
    users = (user for backends in list(iam_backends.values()) for user in list(backends["aws"].users.values()))
    return next((user for user in users if any(key.access_key_id == access_key for key in user.access_keys)), None)


def trusts(arn: str, service: str, context: Mapping[str, str]) -> bool:
    """Tell whether a role may be taken on by a service (`scheduler.amazonaws.com`) with these condition keys."""
    found = role(arn)
    return found is not None and any(
        statement.get("Effect") == "Allow"
        and "sts:AssumeRole" in _list(statement.get("Action"))
        and service in _list((statement.get("Principal") or {}).get("Service"))
        and _conditions(statement, context)
        for statement in _statements(found.assume_role_policy_document)
    )


def refused(arn: str, wishes: Iterable[Wish]) -> Wish | None:
    """Return the first wish that a role's policies do not allow, or forbid; None where all are allowed."""
    found = role(arn)
    # What its boundary does not allow as well, a role may not do, whatever its policies say.
    limits = [_policies(found), *([_boundary(found)] if found and found.permissions_boundary_arn else [])]
    return next((wish for wish in wishes if any(_verdict(limit, wish) is not None for limit in limits)), None)


def refused_to_user(person: Any, wishes: Iterable[Wish]) -> tuple[Wish, str] | None:
    """Return the first wish that a user's policies do not allow, and why, in AWS's words; None: all are allowed."""
    statements = _policies(person)
    for wish in wishes:
        if (why := _verdict(statements, wish)) is not None:
            return wish, why
    return None


def allows(statements: Iterable[Mapping[str, Any]], wish: Wish) -> bool:
    """Tell whether statements let a wish come true."""
    return _verdict(statements, wish) is None


def _policies(holder: Any) -> list[dict[str, Any]]:
    """Return the statements of all policies that are in or attached to a role or user."""
    if holder is None:
        return []
    inline = holder.policies.values()
    documents = [*inline, *(_document(policy) for policy in holder.managed_policies.values())]
    return [statement for document in documents for statement in _statements(document)]


def _boundary(found: Any) -> list[dict[str, Any]]:
    """Return the statements of the policy that limits a role; none where this cloud does not have it."""
    arn = found.permissions_boundary_arn
    known = iam_backends[arn.split(":")[4]]["aws"].managed_policies.get(arn) if ":iam::aws:" not in arn else None
    return _statements(_document(known)) if known else []


def _document(policy: Any) -> str:
    """Return what the default version of a managed policy says."""
    document: str = next(one.document for one in policy.versions if one.version_id == policy.default_version_id)
    return document


def _verdict(statements: Iterable[Mapping[str, Any]], wish: Wish) -> str | None:
    """Return why statements do not let a wish come true, in AWS's words; None where they do."""
    effects = {statement["Effect"] for statement in statements if _meant(statement, wish)}
    if "Deny" in effects:
        return "with an explicit deny in an identity-based policy"
    return None if effects else f"because no identity-based policy allows the {wish.action} action"


def _meant(statement: Mapping[str, Any], wish: Wish) -> bool:
    """Tell whether a statement speaks of a wish."""
    action = _named(statement, "Action", wish.action.lower(), str.lower)
    return action and _named(statement, "Resource", wish.resource) and _conditions(statement, wish.context)


def _named(statement: Mapping[str, Any], key: str, value: str, spelt: Any = str) -> bool:
    """Tell whether `Action` or `Resource` has a value, or `NotAction` or `NotResource` has it not."""
    names, others = _list(statement.get(key)), _list(statement.get(f"Not{key}"))
    hit = any(fnmatch.fnmatchcase(value, spelt(pattern).replace("[", "[[]")) for pattern in names or others)
    return hit if names else bool(others) and not hit


def _conditions(statement: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Tell whether all conditions hold; one of a kind or key that this cloud does not know does not."""
    tests = {
        "StringEquals": lambda value, wanted: value == wanted,
        "StringLike": fnmatch.fnmatchcase,
        "ArnEquals": fnmatch.fnmatchcase,
        "ArnLike": fnmatch.fnmatchcase,
    }
    return all(
        kind in tests and key in context and any(tests[kind](context[key], wanted) for wanted in _list(values))
        for kind, keys in (statement.get("Condition") or {}).items()
        for key, values in keys.items()
    )


def _statements(document: str | Mapping[str, Any]) -> list[dict[str, Any]]:
    found = json.loads(document) if isinstance(document, str) else document
    return _list(found.get("Statement"))


def _list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
