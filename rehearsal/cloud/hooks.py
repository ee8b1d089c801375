"""How moto is changed: a function of ours around one of its methods."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[Any, functools.partial[Any]], Any]


def intercept(owner: type, name: str) -> Callable[[Hook], Hook]:
    """Have `hook(self, proceed)` answer for `owner.name`; `proceed()` does what was done before, same arguments.

    Several hooks around one method nest; the one put there last is called first.
    """

    def install(hook: Hook) -> Hook:
        original = getattr(owner, name)

        @functools.wraps(original)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return hook(self, functools.partial(original, self, *args, **kwargs))

        setattr(owner, name, method)
        return hook

    return install


def refusal(code: str, message: str) -> Exception:
    """Return the error that EC2 answers with."""
    error: Exception = EC2ClientError(code, message)
    return error


def parameter(response: Any, name: str, default: Any = None) -> Any:
    """Return a parameter of the request that a moto response object answers."""
    return response._get_param(name, default)  # noqa: SLF001 - the one way to a request in moto


def filters(response: Any) -> dict[str, list[str]]:
    """Return the filters of an EC2 request."""
    found: dict[str, list[str]] = response._filters_from_querystring()  # noqa: SLF001 - as above
    return found


def spot_request(instance: Any) -> Any:
    """Return the spot request behind moto's record of an instance, None where it is paid for in full."""
    return instance.ec2_backend.spot_instance_requests.get(getattr(instance, "spot_instance_request_id", None))
