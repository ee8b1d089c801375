"""The bucket of kept builds from any region, in the account that is expected."""

from __future__ import annotations

import urllib.request

import pytest

from provision.aws.bucket import Bucket
from provision.model.builds import Place
from provision.model.errors import GpurigError
from tests.kit.cloud import Wired

NAME = "lab-builds"
DIGEST = "b" * 64


def test_a_bucket_of_another_region_is_found_and_lent_from_there(wired: Wired) -> None:
    there = wired.cloud.client("s3")
    there.create_bucket(Bucket=NAME, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    bucket = Bucket(Place.read(f"s3://{NAME}/lab"), reach="", region="us-west-2")
    assert (bucket.region, bucket.account) == ("eu-west-1", "123456789012")
    for file in ("index.json", "signature"):
        there.put_object(Bucket=NAME, Key=f"lab/tool-built-1/{DIGEST}/{file}", Body=file.encode())
    (entry,) = bucket.entries("tool-built-1")
    assert (entry.digest, dict(entry.files)) == (DIGEST, {"index.json": 10})
    (link,) = bucket.links(entry).values()
    with urllib.request.urlopen(link, timeout=30) as answer:  # noqa: S310 - this machine's own
        assert answer.read() == b"index.json"


def test_files_beside_an_entry_are_none_of_it(wired: Wired) -> None:
    there = wired.cloud.client("s3")
    there.create_bucket(Bucket=NAME)
    odd = (
        *(f"tool-built-1/{DIGEST}/{file}" for file in ("index.json", "../x", "a/b", "A", "")),
        *(f"tool-built-1/{folder}/signature" for folder in ("short", "c" * 63, "C" * 64)),
        f"tool-built-12/{DIGEST}/signature",
        f"other/tool-built-1/{DIGEST}/signature",
    )
    for key in odd:
        there.put_object(Bucket=NAME, Key=key, Body=b"x")
    bucket = Bucket(Place.read(f"s3://{NAME}"), reach="", region="us-east-1")
    assert bucket.entries("tool-built-1") == [], "nobody has signed it"
    there.put_object(Bucket=NAME, Key=f"tool-built-1/{DIGEST}/signature", Body=b"x" * 10_000)
    (entry,) = bucket.entries("tool-built-1")
    assert dict(entry.files) == {"index.json": 1}
    assert len(bucket.signature(entry)) == 4096, "no more of it is read than a signature has"


def test_a_bucket_without_an_account_s_consent_is_refused_with_the_way_out(wired: Wired) -> None:
    with pytest.raises(GpurigError, match=f"there is no bucket {NAME}") as refused:
        Bucket(Place.read(f"s3://{NAME}"), reach="", region="us-east-1")
    assert "fab builds --make" in refused.value.hint
    wired.cloud.client("s3").create_bucket(Bucket=NAME)
    with pytest.raises(GpurigError, match="is not of the account 999999999999") as refused:
        Bucket(Place.read(f"s3://{NAME}"), reach="", region="us-east-1", account="999999999999")
    assert "gpurig:buildsAccount" in refused.value.hint
