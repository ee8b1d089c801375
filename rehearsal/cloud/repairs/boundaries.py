"""Permissions boundaries: IAM takes none that is no policy of the account's or AWS's; moto takes any text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend

from rehearsal.cloud.hooks import intercept

if TYPE_CHECKING:
    import functools


@intercept(IAMBackend, "create_role")
def create_role(backend: Any, proceed: functools.partial[Any]) -> Any:
    """Make a role under a boundary that is there."""
    _check(backend, proceed.args[4])
    return proceed()


@intercept(IAMBackend, "put_role_permissions_boundary")
def put_role_permissions_boundary(backend: Any, proceed: functools.partial[Any]) -> Any:
    """Put a role under a boundary that is there."""
    _check(backend, proceed.args[2])
    return proceed()


def _check(backend: Any, arn: str | None) -> None:
    """Refuse what is no policy of the account; AWS's own, which moto has not loaded, are taken for there."""
    if arn and ":iam::aws:" not in arn and arn not in backend.managed_policies:
        raise NotFoundException(f"Scope ARN: {arn} does not exist or is not attachable.")
