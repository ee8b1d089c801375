"""The bucket of kept builds: made as it has to be, and looked at for `fab doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.aws.bucket import Bucket
from provision.aws.clients import aws_errors, client, error_code
from provision.life.doctor import ok, warning
from provision.model import checks
from provision.model.builds import Place
from provision.model.errors import BadInput, GpurigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from provision.life.doctor import Finding
    from provision.transport.settings import StackSettings

KEPT_DAYS = 180
"""After so many days S3 deletes a build of a bucket that was made here."""
RULE = "gpurig-builds"
_CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_NONE = ("NoSuchPublicAccessBlockConfiguration", "NoSuchLifecycleConfiguration")
MISSING = "404"
"""What S3 answers to who asks for a bucket that is nobody's."""
FIRST_REGION = "us-east-1"
"""The one that S3 takes no name of when a bucket is made there."""


def place_of(found: StackSettings) -> Place:
    """Return where the stack's bucket is. Raises `BadInput` where it names none, or none that could be."""
    text = found.get("builds")
    if not text:
        raise BadInput(["the stack names no bucket: pulumi config set gpurig:builds s3://gpurig-builds-…/…"])
    if not checks.BUILDS.holds(text):
        raise BadInput([f'gpurig:builds: "{text}" has to be {checks.BUILDS.allowed}'])
    return Place.read(text)


def opened(found: StackSettings) -> Bucket:
    """Return the stack's bucket. Raises `GpurigError` where it cannot be used."""
    account = found.get("buildsAccount")
    return Bucket(place_of(found), reach=found.profile, region=found.region, account=account)


def make(found: StackSettings) -> bool:
    """Make the stack's bucket: nobody else's to read, and old builds go. Returns whether it was not there yet.

    Of one that is there, only a lifecycle is added where it has none. Raises `GpurigError`.
    """
    place, new = place_of(found), False
    try:
        bucket = opened(found)
    except GpurigError as error:
        if error_code(error) != MISSING:
            raise
        _create(place.bucket, found.profile, found.region or FIRST_REGION)
        bucket, new = opened(found), True
    if new:
        closed = dict.fromkeys(_CLOSED, True)
        bucket.setting("put_public_access_block", PublicAccessBlockConfiguration=closed)
    if not _told(lambda: bucket.setting("get_bucket_lifecycle_configuration")["Rules"]):
        rule = {
            "ID": RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": place.prefix},
            "Expiration": {"Days": KEPT_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
        bucket.setting("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [rule]})
    return new


def _create(name: str, reach: str, region: str) -> None:
    where = {} if region == FIRST_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with aws_errors(f"the bucket {name} cannot be made"):
        client("s3", reach, region).create_bucket(Bucket=name, **where)


def _told(ask: Callable[[], Any]) -> Any:
    """Return what a bucket is set to, None where it has nothing of the kind. Raises `GpurigError`."""
    try:
        return ask()
    except GpurigError as error:
        if error_code(error) in _NONE:
            return None
        raise


def look(found: StackSettings) -> Finding:
    """Check the stack's bucket. Nothing of it is needed for a box, so that nothing is an error."""
    try:
        bucket = opened(found)
        closed = _told(lambda: bucket.setting("get_public_access_block")["PublicAccessBlockConfiguration"]) or {}
        rules = _told(lambda: bucket.setting("get_bucket_lifecycle_configuration")["Rules"]) or []
    except GpurigError as wrong:
        if error_code(wrong) == "AccessDenied":
            return warning(wrong.what, "it may work all the same; this check needs the policy builds of docs/iam.md")
        return warning(f"{wrong.what}: every build is made anew", wrong.hint)
    said = f"{bucket.place}, account {bucket.account}, {bucket.region}"
    if not all(closed.get(key) for key in _CLOSED):
        block = ",".join(f"{key}=true" for key in _CLOSED)
        command = f"aws s3api put-public-access-block --bucket {bucket.place.bucket}"
        mend = f"{command} --public-access-block-configuration {block}"
        return warning(f"{said}: it could be opened to everybody", mend)
    if not any(rule.get("Status") == "Enabled" and "Expiration" in rule for rule in rules):
        return warning(f"{said}: builds stay there, and cost, for ever", "fab builds --make adds a lifecycle")
    return ok(said)
