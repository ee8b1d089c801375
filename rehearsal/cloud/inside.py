"""Calls that AWS makes of itself: a schedule's, an alarm's, a budget's. They go by the front, as a client's do.

So they are in the call log, under the name of the service that made them, and faults on order hit them.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from rehearsal.cloud.calls import Call

if TYPE_CHECKING:
    from rehearsal.cloud.server import Front

_front: list[Front] = []


def serve(front: Front) -> None:
    """Have the calls of this process's AWS go to a front."""
    _front[:] = [front]


def deny(by: str, service: str, operation: str, what: str) -> None:
    """Write down that a service was not allowed `what` as the role that it was given."""
    refused = Call(service=service, action=operation, params=(), is_json=False, by=by)
    _front[0].log.add(refused, status=403, seconds=0.0, note=f"its role may not {what}")


def call(by: str, service: str, operation: str, region: str, params: dict[str, Any]) -> str:
    """Call an operation by the API's name (StopInstances) as an AWS service; return AWS's error code, "" where it went.

    `by` is that service's principal (scheduler.amazonaws.com).
    """
    import boto3  # noqa: PLC0415 - a third of a second, for clouds in which something fires
    from botocore import xform_name  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from botocore.exceptions import ClientError  # noqa: PLC0415

    client = boto3.client(
        service,
        region_name=region,
        endpoint_url="http://aws.internal",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the word every AWS stand-in takes
        config=Config(retries={"total_max_attempts": 1}, user_agent=by),
    )
    client.meta.events.register("before-send", _carried)
    try:
        getattr(client, xform_name(operation))(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def _carried(request: Any, **_: Any) -> Any:
    """Carry a request to the front, in the place of HTTP."""
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - as above

    environ = EnvironBuilder(
        method=request.method, base_url=request.url, headers=Headers(_plain(request.headers)), data=request.body or b""
    ).get_environ()
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], _: Any = None, /) -> Any:
        started.append((status, headers))

    body = b"".join(_front[0](environ, start))
    ((status, headers),) = started
    return AWSResponse(request.url, int(status.split()[0]), dict(headers), _Raw(body))


def _plain(headers: Any) -> dict[str, str]:
    """Return a prepared request's headers as text."""
    return {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in headers.items()}


class _Raw(io.BytesIO):
    """A body as botocore reads one from urllib3."""

    def stream(self, *_: Any, **__: Any) -> Any:
        """Yield what is there."""
        yield self.read()
