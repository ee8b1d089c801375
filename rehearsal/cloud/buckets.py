"""What S3 checks and moto does not: links that are signed and run out, whose bucket it is, what a file's bytes are.

A link is held against the secret of whoever's key signed it, so that one with another key of the bucket, another
header or another method is nobody's.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import io
import urllib.parse
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from moto.s3 import s3_backends
from werkzeug.wrappers import Response

from rehearsal.cloud import calls, clock, permissions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

NOBODYS = "test"
"""The secret of every key that no user of the account has made."""


class OfS3:
    """The cloud as boxes reach it: S3, and nothing else."""

    def __init__(self, front: WSGIApplication) -> None:
        self._front = front

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if calls.credential(environ).split("/")[3:4] != ["s3"]:
            return _no(403, "AccessDenied", "Access Denied")(environ, start_response)
        return self._front(environ, start_response)


def refusal(environ: WSGIEnvironment) -> WSGIApplication | None:
    """Return what S3 answers where it does not do what is asked for; None for what it would, or another service."""
    if calls.credential(environ).split("/")[3:4] != ["s3"]:
        return None
    asked = dict(urllib.parse.parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if "X-Amz-Signature" in asked and (refused := _link_refused(environ, asked)):
        return refused
    owner, path = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER"), environ.get("PATH_INFO", "").strip("/")
    bucket = next((one for one in _buckets() if one.name == path.partition("/")[0]), None)
    if owner and bucket and bucket.account_id != owner:
        return _no(403, "AccessDenied", "Access Denied")
    if bucket and calls.credential(environ).split("/")[2] != bucket.region_name:
        moved = _no(301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint.")
        moved.headers["x-amz-bucket-region"] = bucket.region_name
        return moved
    if (wanted := environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")) and environ["REQUEST_METHOD"] == "PUT":
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        if base64.b64encode(hashlib.sha256(body).digest()).decode() != wanted:
            return _no(400, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
    return None


def _buckets() -> list[Any]:
    """Return all buckets of the cloud, whosever they are."""
    return [one for account in list(s3_backends.values()) for one in list(account["aws"].buckets.values())]


def _link_refused(environ: WSGIEnvironment, asked: Mapping[str, str]) -> WSGIApplication | None:
    """Return what S3 answers to a link that is not good (any more)."""
    try:
        signed = dt.datetime.strptime(asked["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
        ends = signed.timestamp() + int(asked["X-Amz-Expires"])
        good = hmac.compare_digest(_signature(environ, asked), asked["X-Amz-Signature"])
    except (KeyError, ValueError):
        return _no(400, "AuthorizationQueryParametersError", "The query has not all that a link needs.")
    if clock.now() > ends:
        return _no(403, "AccessDenied", "Request has expired")
    return None if good else _no(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")


def _signature(environ: WSGIEnvironment, asked: Mapping[str, str]) -> str:
    """Return the signature that this very request would have (AWS Signature Version 4, in the query)."""
    key, day, region, service, last = asked["X-Amz-Credential"].split("/")
    person = permissions.user(key)
    made = next((one for one in (person.access_keys if person else ()) if one.access_key_id == key), None)
    query = "&".join(
        sorted(f"{_quoted(name)}={_quoted(value)}" for name, value in asked.items() if name != "X-Amz-Signature")
    )
    names = asked["X-Amz-SignedHeaders"].split(";")
    headers = "".join(f"{name}:{_header(environ, name)}\n" for name in names)
    path = urllib.parse.quote(environ["PATH_INFO"].encode("latin-1"), safe="/~")
    text = "\n".join([environ["REQUEST_METHOD"], path, query, headers, ";".join(names), "UNSIGNED-PAYLOAD"])
    scope = f"{day}/{region}/{service}/{last}"
    goal = "\n".join(["AWS4-HMAC-SHA256", asked["X-Amz-Date"], scope, hashlib.sha256(text.encode()).hexdigest()])
    secret = f"AWS4{made.secret_access_key if made else NOBODYS}".encode()
    for word in (day, region, service, last, goal):
        secret = hmac.new(secret, word.encode(), hashlib.sha256).digest()
    return secret.hex()


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


def _header(environ: WSGIEnvironment, name: str) -> str:
    key = name.upper().replace("-", "_")
    return " ".join(str(environ.get(key if key == "CONTENT_LENGTH" else f"HTTP_{key}", "")).split())


def _no(status: int, code: str, message: str) -> Response:
    """Return a refusal in S3's words."""
    text = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    return Response(text, status=status, content_type="application/xml")
