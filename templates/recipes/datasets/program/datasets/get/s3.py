"""Files behind s3://, with the credentials that boto3 finds by itself: the instance's role, or none for public ones."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from datasets.get.sources import BLOCK, FileInfo, SourceChanged, Transient, checked_name
from datasets.messages import Failure, bad_input

if TYPE_CHECKING:
    from collections.abc import Generator


class _Denied(Failure):
    """The credentials do not reach this."""


@functools.cache
def _clients(endpoint: str) -> list[Any]:
    """Return a client with the machine's credentials, where it has some, and one without any, for what is public."""
    import boto3  # noqa: PLC0415 - a third of a second that other sources need not pay
    from botocore import UNSIGNED  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    session = boto3.Session()
    ways: list[dict[str, Any]] = [{}] if session.get_credentials() else []
    return [
        session.client(
            "s3",
            # Any region will do to ask: boto3 follows a bucket to its own.
            region_name=session.region_name or "us-east-1",
            endpoint_url=endpoint or None,
            config=Config(max_pool_connections=32, retries={"mode": "standard", "max_attempts": 5}, **way),
        )
        for way in (*ways, {"signature_version": UNSIGNED})
    ]


class Object:
    """One object of a bucket."""

    def __init__(self, client: Any, bucket: str, key: str, info: FileInfo) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self.address = f"s3://{bucket}/{key}"
        self.info = info

    def read(self, start: int, end: int | None) -> Generator[bytes, None, None]:
        """Yield the bytes from `start` to `end`."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        span = {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        try:
            answer = _ask(
                self.address,
                self._client.get_object,
                Bucket=self._bucket,
                Key=self._key,
                IfMatch=self.info.etag,
                **span,
            )
            yield from answer["Body"].iter_chunks(BLOCK)
        except FileNotFoundError as error:
            raise Failure(f"{self.address} is gone") from error
        except (BotoCoreError, OSError) as error:
            raise Transient(f"{self.address}: {error}") from error


def objects(url: str, endpoint: str) -> list[Object]:
    """Return the object of an address, or all below a prefix. Raises `Transient`, and `Failure` where there is none."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    # Not unquoted: a key may hold a "%", and nothing is quoted in an address of this kind.
    bucket, _, key = url.partition("://")[2].partition("/")
    try:
        found = _readable(bucket, key, endpoint)
    except (BotoCoreError, OSError) as error:
        raise Transient(f"{url}: {error}") from error
    if not found:
        raise bad_input(f"{url}: there is no such object, and nothing below it")
    return found


def _readable(bucket: str, key: str, endpoint: str) -> list[Object]:
    """Return what the first client that may look finds. Raises `_Denied` where none may."""
    *others, last = _clients(endpoint)
    for client in others:
        try:
            return _object(client, bucket, key) or _objects_below(client, bucket, key)
        except _Denied:
            # A role that may read nothing is refused what anybody may read: it is asked for again without one.
            continue
    return _object(last, bucket, key) or _objects_below(last, bucket, key)


def _object(client: Any, bucket: str, key: str) -> list[Object]:
    """Return the object of that very key, if there is one."""
    if key.endswith("/") or not key:
        return []
    try:
        head = _ask(f"s3://{bucket}/{key}", client.head_object, Bucket=bucket, Key=key)
    except FileNotFoundError:
        return []
    info = FileInfo(name=checked_name(key.rpartition("/")[2], key), size=head["ContentLength"], etag=head["ETag"])
    return [Object(client, bucket, key, info)]


def _objects_below(client: Any, bucket: str, key: str) -> list[Object]:
    """Return all objects below a prefix."""
    prefix = f"{key}/" if key and not key.endswith("/") else key
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = []
    for row in _ask(f"s3://{bucket}/{prefix}", lambda: list(pages.search("Contents[]"))):
        # A "folder" that a console made: an object without bytes.
        if row and not row["Key"].endswith("/"):
            name = checked_name(row["Key"][len(prefix) :], row["Key"])
            info = FileInfo(name=name, size=row["Size"], etag=row["ETag"])
            found.append(Object(client, bucket, row["Key"], info))
    return found


def _ask(address: str, call: Any, **fields: str) -> Any:
    """Return S3's answer. Raises `FileNotFoundError`, `SourceChanged`, `Transient` or `Failure`."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return call(**fields)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        reason = error.response["Error"].get("Message") or error.response["Error"].get("Code")
        if status == 412:
            raise SourceChanged(address) from error
        if status >= 500 or status == 429:
            raise Transient(f"{address}: {status} {reason}") from error
        if status == 404 and error.response["Error"].get("Code") != "NoSuchBucket":
            raise FileNotFoundError(address) from error
        if status in (401, 403):
            hint = "the box reads the buckets that its role may: add this one to gpurig:s3Buckets, then `pulumi up`"
            raise _Denied(f"{address}: {status} {reason}", hint, code=2) from error
        raise bad_input(f"{address}: {status} {reason}") from error
