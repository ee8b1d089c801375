"""S3's links are good for what they were signed for, while they last; owners of buckets and bytes are checked."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.cloud.buckets import OfS3
from rehearsal.cloud.server import listen
from tests.kit.cloud import Wired
from tests.kit.servers import serving

pytestmark = pytest.mark.standins

BUCKET = "lab-builds"
SUM = base64.b64encode(hashlib.sha256(b"bytes").digest()).decode()


def bucket(wired: Wired) -> Any:
    s3 = wired.cloud.client("s3", signature_version="s3v4")
    s3.create_bucket(Bucket=BUCKET)
    return s3


def ask(link: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, str]:
    """Use a link; returns the status and what was answered."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(link, method=method, data=body, headers=named)  # noqa: S310 - this machine's
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def to_write(s3: Any, key: str = "a/b c~é") -> tuple[str, dict[str, str]]:
    asked = {"ChecksumSHA256": SUM, "ExpectedBucketOwner": "123456789012", "IfNoneMatch": "*"}
    link = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key, **asked}, ExpiresIn=600)
    return link, {
        "x_amz_checksum_sha256": SUM,
        "x_amz_expected_bucket_owner": "123456789012",
        "If_None_Match": "*",
        "Content_Type": "application/octet-stream",
    }


def test_a_link_is_good_for_one_file_in_one_way_as_long_as_it_lasts(wired: Wired) -> None:
    s3 = bucket(wired)
    for key in ("a/b c~é", "other"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"bytes")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a/b c~é"}, ExpiresIn=600)
    assert ask(link) == (200, "bytes")
    assert ask(link, Range="bytes=2-") == (206, "tes")
    for wrong in (
        link.replace(f"{BUCKET}/a/b%20c~%C3%A9", f"{BUCKET}/other"),
        link.replace("X-Amz-Expires=600", "X-Amz-Expires=6000"),
    ):
        assert wrong != link
        status, said = ask(wrong)
        assert (status, "<Code>SignatureDoesNotMatch</Code>" in said) == (403, True)
    assert ask(link, "PUT", b"bytes")[0] == 403
    wired.cloud.advance(601)
    status, said = ask(link)
    assert (status, "<Message>Request has expired</Message>" in said) == (403, True)


def test_what_is_written_by_a_link_is_what_it_was_signed_for(wired: Wired) -> None:
    s3 = bucket(wired)
    link, headers = to_write(s3)
    status, said = ask(link, "PUT", b"other", **headers)
    assert (status, "<Code>BadDigest</Code>" in said) == (400, True)
    assert ask(link, "PUT", b"bytes")[0] == 403, "without the headers that are signed"
    assert ask(link, "PUT", b"bytes", **{**headers, "x_amz_checksum_sha256": "x"})[0] == 403
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert ask(link, "PUT", b"bytes", **headers)[0] == 200
    assert ask(link, "PUT", b"bytes", **headers)[0] == 412, "once"


def test_a_bucket_of_another_account_is_refused_to_who_expects_ours(wired: Wired) -> None:
    s3 = bucket(wired)
    assert s3.head_bucket(Bucket=BUCKET, ExpectedBucketOwner="123456789012")
    for ask_it in (s3.head_bucket, s3.list_objects_v2):
        with pytest.raises(ClientError, match=r"403|AccessDenied"):
            ask_it(Bucket=BUCKET, ExpectedBucketOwner="999999999999")


def test_a_bucket_answers_in_its_own_region_and_says_which(wired: Wired) -> None:
    s3 = wired.cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    connection = http.client.HTTPConnection(wired.cloud.endpoint.removeprefix("http://"), timeout=30)
    signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-west-2/s3/aws4_request, SignedHeaders=host, Signature=0"
    connection.request("HEAD", f"/{BUCKET}", headers={"Authorization": signed})
    moved = connection.getresponse()
    assert (moved.status, moved.headers["x-amz-bucket-region"]) == (301, "eu-west-1")
    assert s3.head_bucket(Bucket=BUCKET)["BucketRegion"] == "eu-west-1", "boto3 goes there"


def test_who_signs_a_link_has_to_be_allowed_what_it_does(wired: Wired) -> None:
    bucket(wired).put_object(Bucket=BUCKET, Key="lab/file", Body=b"bytes")
    iam = wired.cloud.client("iam")
    iam.create_user(UserName="u")
    allowed = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/lab/*"}]
    iam.put_user_policy(
        UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allowed})
    )
    key = iam.create_access_key(UserName="u")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    config = Config(signature_version="s3v4")
    s3 = boto3.client("s3", region_name="us-east-1", endpoint_url=wired.cloud.endpoint, config=config, **keys)

    def link(operation: str, name: str) -> str:
        return str(s3.generate_presigned_url(operation, Params={"Bucket": BUCKET, "Key": name}, ExpiresIn=600))

    assert ask(link("get_object", "lab/file")) == (200, "bytes")
    status, said = ask(link("get_object", "other"))
    assert status == 403
    assert f"s3:GetObject on resource: arn:aws:s3:::{BUCKET}/other" in said
    assert "s3:PutObject" in ask(link("put_object", "lab/file"), "PUT", b"x")[1]
    with pytest.raises(ClientError, match="s3:ListBucket on resource"):
        s3.list_objects_v2(Bucket=BUCKET)


def test_boxes_reach_s3_there_and_nothing_else(wired: Wired) -> None:
    s3 = bucket(wired)
    s3.put_object(Bucket=BUCKET, Key="file", Body=b"bytes")

    def front(_: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with serving(listen(OfS3(front))) as address:
        host = address.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=30)
        for path, status in (
            ("/_rehearsal/calls", 403),
            ("/moto-api/reset", 403),
            ("/b/k?X-Amz-Credential=test/20260101/us-east-1/ec2/aws4_request", 403),
            ("/b/k?X-Amz-Credential=test/20260101/us-east-1/s3/aws4_request", 200),
        ):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert (path, answer.status) == (path, status)
