"""The rights that a call of S3 needs: on the bucket for what is about it, on the object for what is in it."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from rehearsal.cloud.permissions import Wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cloud.rights.asked import Asked

_OF_A_BUCKET = {
    "publicAccessBlock": ("GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
    "lifecycle": ("GetLifecycleConfiguration", "PutLifecycleConfiguration"),
    "versioning": ("GetBucketVersioning", "PutBucketVersioning"),
    "encryption": ("GetEncryptionConfiguration", "PutEncryptionConfiguration"),
    "ownershipControls": ("GetBucketOwnershipControls", "PutBucketOwnershipControls"),
    "policy": ("GetBucketPolicy", "PutBucketPolicy"),
    "tagging": ("GetBucketTagging", "PutBucketTagging"),
}
"""A word of the query → what looks and what changes (Service Authorization Reference, "Actions for Amazon S3")."""
_OF_AN_OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


def wishes(asked: Asked) -> Iterator[Wish]:
    """Return what a call has to be allowed; addresses are those of a bucket by its path."""
    method, _, path = asked.action.partition(" ")
    bucket, _, key = urllib.parse.unquote(path.lstrip("/")).partition("/")
    arn = f"arn:aws:s3:::{bucket}"
    known = [pair for word, pair in _OF_A_BUCKET.items() if word in asked.said]
    if not bucket:
        yield Wish(action="s3:ListAllMyBuckets", resource="*")
    elif key:
        yield Wish(action=f"s3:{_OF_AN_OBJECT[method]}", resource=f"{arn}/{key}")
    elif known:
        yield Wish(action=f"s3:{known[0][method == 'PUT']}", resource=arn)
    elif method == "PUT":
        yield Wish(action="s3:CreateBucket", resource=arn)
    else:
        yield Wish(action="s3:ListBucket", resource=arn, context={"s3:prefix": asked.said.get("prefix", "")})
