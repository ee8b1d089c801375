"""What a role may do, by its own documents. moto asks for no permission; a service that takes a role on asks here."""

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
    """One thing that a service wants to do as a role."""

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
    documents = [*found.policies.values(), *(one.document for one in found.managed_policies.values())] if found else []
    statements = [statement for document in documents for statement in _statements(document)]
    for wish in wishes:
        effects = {statement["Effect"] for statement in statements if _meant(statement, wish)}
        if effects != {"Allow"}:
            return wish
    return None


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
