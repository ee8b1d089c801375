"""The bucket of kept builds, as the user's own credentials see it: the boxes have none.

An entry is a folder NAME/DIGEST/ below the prefix, DIGEST that of its index. Its parts are called by their SHA-256, and
S3 itself holds what a box sends against that. The signature comes last: what has none is not there yet.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING, Any

from provision.aws.clients import answer_of, aws_errors, client
from provision.model.errors import GpurigError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping

    from provision.agent.wire.kept import Piece, PutLink
    from provision.model.builds import Place

SIGNATURE = "signature"
LONGEST_SIGNATURE = 4096
LINK_S = 6 * 3600
"""How long a link lasts: a setup may take hours. Credentials that run out before end it sooner."""
MOST_KEYS = 10_000
"""Of one name, that are looked at."""
_KEY = re.compile(r"([0-9a-f]{64})/([0-9a-z.]+)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A kept build that somebody has signed."""

    name: str
    digest: str
    """SHA-256 of its index."""
    files: Mapping[str, int]
    """All of its files but the signature, and their bytes."""
    at: dt.datetime
    """When it was signed."""


class Bucket:
    """A bucket that is the right account's, and there. Raises `GpurigError` where it is not."""

    def __init__(self, place: Place, *, reach: str, region: str, account: str = "") -> None:
        self.place = place
        self._wrong = f"{place} cannot be used for kept builds"
        with aws_errors(self._wrong):
            self.account = account or client("sts", reach, region or "us-east-1").get_caller_identity()["Account"]
            self._owned = {"Bucket": place.bucket, "ExpectedBucketOwner": self.account}
            try:
                # Wherever it was asked, S3 says where the bucket is.
                where = client("s3", reach, region or "us-east-1").head_bucket(**self._owned).get("BucketRegion")
            except Exception as error:
                if known := self._no_use(error):
                    raise known from error
                raise
            self.region = where or region or "us-east-1"
            self._s3 = client("s3", reach, self.region)

    def _no_use(self, error: Exception) -> GpurigError | None:
        """Return what it means that a bucket does not answer as one does; None where it is none of these."""
        code = answer_of(error).get("Error", {}).get("Code", "")
        name = self.place.bucket
        if code in ("404", "NoSuchBucket"):
            return GpurigError(
                f"{self._wrong}: there is no bucket {name}",
                hint="fab builds --make makes it, or gpurig:builds names another",
            )
        if code in ("403", "AccessDenied"):
            return GpurigError(
                f"{self._wrong}: the bucket {name} is not of the account {self.account}, or you may not look into it",
                hint="gpurig:buildsAccount names the account of another's bucket; the rights: docs/iam/builds.json",
            )
        return None

    def setting(self, operation: str, **more: Any) -> Any:
        """Return what the bucket itself is set to, or set it. Raises `GpurigError`."""
        with aws_errors(self._wrong):
            return getattr(self._s3, operation)(**self._owned, **more)

    def contents(self) -> list[Entry]:
        """Return all entries below the prefix that have a signature."""
        length = len(self.place.prefix)
        with aws_errors(self._wrong):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                **self._owned, Prefix=self.place.prefix, Delimiter="/"
            )
            names = [row["Prefix"][length:-1] for page in pages for row in page.get("CommonPrefixes", ())]
        return [entry for name in names for entry in self.entries(name)]

    def _key(self, name: str, digest: str, file: str) -> str:
        return f"{self.place.prefix}{name}/{digest}/{file}"

    def entries(self, name: str) -> list[Entry]:
        """Return the entries of a name that have a signature, the newest first."""
        files: dict[str, dict[str, int]] = {}
        signed: dict[str, dt.datetime] = {}
        for row in self._listed(f"{self.place.prefix}{name}/"):
            if not (found := _KEY.fullmatch(row["Key"].removeprefix(f"{self.place.prefix}{name}/"))):
                continue
            if found[2] == SIGNATURE:
                signed[found[1]] = row["LastModified"]
            else:
                files.setdefault(found[1], {})[found[2]] = row["Size"]
        made = [Entry(name=name, digest=one, files=files.get(one, {}), at=at) for one, at in signed.items()]
        return sorted(made, key=lambda entry: entry.at, reverse=True)

    def _listed(self, prefix: str) -> Iterator[Any]:
        with aws_errors(self._wrong):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                **self._owned, Prefix=prefix, PaginationConfig={"MaxItems": MOST_KEYS}
            )
            for page in pages:
                yield from page.get("Contents", ())

    def signature(self, entry: Entry) -> str:
        """Return an entry's signature, of which nothing is known yet."""
        key = self._key(entry.name, entry.digest, SIGNATURE)
        with aws_errors(self._wrong):
            body = self._s3.get_object(**self._owned, Key=key)["Body"].read(LONGEST_SIGNATURE)
        return str(body.decode("ascii", "replace"))

    def links(self, entry: Entry) -> dict[str, str]:
        """Return file → a link by which whoever has it may read it."""
        return {file: self._signed("get_object", Key=self._key(entry.name, entry.digest, file)) for file in entry.files}

    def _signed(self, operation: str, **asked: Any) -> str:
        with aws_errors(self._wrong):
            link: str = self._s3.generate_presigned_url(
                operation, Params={"Bucket": self.place.bucket, **asked}, ExpiresIn=LINK_S
            )
        return link

    def links_to_write(self, name: str, digest: str, pieces: Iterable[Piece], signature: str) -> dict[str, PutLink]:
        """Return file → a link by which whoever has it may write it: these very bytes, once, into this bucket."""
        last = signature.encode("ascii")
        mine: Piece = {"file": SIGNATURE, "size": len(last), "sha256": hashlib.sha256(last).hexdigest()}
        found = {piece["file"]: piece for piece in (*pieces, mine)}
        return {file: self._to_write(self._key(name, digest, file), piece) for file, piece in found.items()}

    def _to_write(self, key: str, piece: Piece) -> PutLink:
        checksum = base64.b64encode(bytes.fromhex(piece["sha256"])).decode()
        said = {"ChecksumSHA256": checksum, "ExpectedBucketOwner": self.account, "IfNoneMatch": "*"}
        headers = {
            "x-amz-checksum-sha256": checksum,
            "x-amz-expected-bucket-owner": self.account,
            "If-None-Match": "*",
        }
        return {"url": self._signed("put_object", Key=key, **said), "headers": headers}
