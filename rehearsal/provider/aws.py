"""AWS as the resource types see it: one call, one error, one way to wait."""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from rehearsal.errors import RehearsalError
from rehearsal.provider import credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from rehearsal.provider.config import Settings

T = TypeVar("T")

_CONNECTIONS = 32
"""As many as the server has threads, so that no call waits for a connection."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 3.0
_SERVICE_IDS = {
    "ec2": "EC2",
    "iam": "IAM",
    "budgets": "Budgets",
    "ssm": "SSM",
    "sts": "STS",
    "pricing": "Pricing",
    "scheduler": "Scheduler",
    "cloudwatch": "CloudWatch",
}


class ProviderError(RehearsalError):
    """An operation on a resource failed."""


class AwsError(ProviderError):
    """AWS answered with an error; `code` is its own word for it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Gone(AwsError):
    """What was asked about does not exist."""


class Connection:
    """The clients of one provider, made when first asked for. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cancelled = threading.Event()
        """Set when the engine gives up; what waits stops waiting."""
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service (`ec2`)."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = _new_client(self, service)
            return self._clients[service]

    @functools.cached_property
    def session(self) -> Any:
        """boto3's session."""
        return credentials.session(self.settings.account, self.settings.region)

    @functools.cached_property
    def account_id(self) -> str:
        """The account's number."""
        account: str = Aws(self).sts("GetCallerIdentity")["Account"]
        return account


@dataclasses.dataclass(frozen=True)
class Aws:
    """Calls to the account and region of one provider, on behalf of one operation."""

    connection: Connection
    patience_s: float | None = None
    """How long the operation may wait in all, where the program says so (`customTimeouts`)."""

    @property
    def settings(self) -> Settings:
        """What the provider was configured with."""
        return self.connection.settings

    def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Call an operation by the API's own name (`CreateVpc`).

        Raises AwsError where AWS refuses, ProviderError where it cannot be asked.
        """
        from botocore import xform_name  # noqa: PLC0415 - botocore takes 0.3 s; the port is printed before

        with _explained(service, operation):
            answer: dict[str, Any] = getattr(self.connection.client(service), xform_name(operation))(**params)
            return answer

    ec2 = functools.partialmethod(call, "ec2")
    iam = functools.partialmethod(call, "iam")
    budgets = functools.partialmethod(call, "budgets")
    ssm = functools.partialmethod(call, "ssm")
    sts = functools.partialmethod(call, "sts")

    def listed(self, service: str, operation: str, key: str, **params: Any) -> list[Any]:
        """Return what lies under `key` on all pages of a listing."""
        from botocore import xform_name  # noqa: PLC0415

        with _explained(service, operation):
            pages = self.connection.client(service).get_paginator(xform_name(operation)).paginate(**params)
            return [entry for page in pages for entry in page.get(key, [])]

    def until(self, what: str, probe: Callable[[], T | None], *, seconds: float) -> T:
        """Ask `probe` until it gives something; `what` is what an error says was awaited."""
        limit = self.patience_s or seconds
        for _ in self._tries(limit):
            found = probe()
            if found:
                return found
        raise ProviderError(f"timeout after {limit:.0f} s while waiting for {what}")

    def insist(self, codes: Collection[str], call: Callable[[], T], *, seconds: float) -> T:
        """Call until the error is none of `codes`: AWS not knowing yet what it was told, or not being done yet."""
        for _ in self._tries(self.patience_s or seconds):
            try:
                return call()
            except AwsError as error:
                if error.code not in codes:
                    raise
                last = error
        raise last

    def described(self, operation: str, key: str, **params: Any) -> dict[str, Any]:
        """Return the one record that an EC2 listing by id or filter has under `key`; raises Gone where it has none."""
        records: list[dict[str, Any]] = self.ec2(operation, **params)[key]
        if not records:
            raise Gone(f"operation error EC2: {operation}: nothing found for {params}", "NotFound")
        return records[0]

    def _tries(self, seconds: float) -> Iterator[None]:
        deadline, pause = time.monotonic() + seconds, _FIRST_PAUSE_S
        yield
        while time.monotonic() < deadline:
            if self.connection.cancelled.wait(min(pause, max(0.0, deadline - time.monotonic()))):
                raise ProviderError("cancelled while waiting")
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            yield


def _new_client(connection: Connection, service: str) -> Any:
    from botocore.config import Config  # noqa: PLC0415

    settings = connection.settings
    retries = {"mode": "standard", "total_max_attempts": settings.max_attempts}
    config = Config(retries=retries, max_pool_connections=_CONNECTIONS)
    where = credentials.endpoint(settings.account, service)
    return connection.session.client(service, config=config, endpoint_url=where)


class _explained:  # noqa: N801 - reads as the context manager it is
    """Turns botocore's errors into this module's."""

    def __init__(self, service: str, operation: str) -> None:
        self.service, self.operation = service, operation

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        from botocore import exceptions  # noqa: PLC0415

        if isinstance(error, exceptions.ClientError):
            raise _refusal(self.service, self.operation, error.response) from error
        if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
            raise ProviderError(
                "no valid credential sources found for the AWS provider: set `aws:profile`, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY"
            ) from error
        if isinstance(error, exceptions.BotoCoreError):
            raise ProviderError(f"operation error {_SERVICE_IDS[self.service]}: {self.operation}: {error}") from error


def _refusal(service: str, operation: str, response: dict[str, Any]) -> AwsError:
    code: str = response["Error"].get("Code", "Unknown")
    about = response.get("ResponseMetadata", {})
    missing = code.endswith((".NotFound", "NotFoundException")) or code == "NoSuchEntity"
    return (Gone if missing else AwsError)(
        f"operation error {_SERVICE_IDS[service]}: {operation}, "
        f"https response error StatusCode: {about.get('HTTPStatusCode')}, RequestID: {about.get('RequestId')}, "
        f"api error {code}: {response['Error'].get('Message', '')}",
        code,
    )
