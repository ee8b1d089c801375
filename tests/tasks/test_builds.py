"""`fab builds`, and what `fab doctor` says of the bucket, by somebody with the rights of docs/iam alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.rights import BUCKET, BUILDS, FAB
from provision.life import bucket
from provision.transport.settings import StackSettings
from rehearsal.cloud.handle import Cloud
from tests.kit.cloud import as_user, serve
from tests.kit.doctor_lab import GOOD, Laptop
from tests.kit.fab import fab
from tests.kit.person import denied, new_person, wishes

NAME = "gpurig-builds-lab"
VALUES = {**GOOD, "gpurig:builds": f"s3://{NAME}/vision"}
CLOSED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.fixture
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A good one."""
    cloud = Cloud.start(tmp_path_factory.mktemp("cloud"), boxes=False)
    try:
        cloud.quotas(L_DB2E81BA=64, L_3819A6DF=64)
        yield Laptop(tmp_path_factory.mktemp("project"), cloud, cloud.endpoint + "/_rehearsal/address")
    finally:
        cloud.stop()


def say(laptop: Laptop, person: dict[str, str], *words: str, code: int = 0) -> str:
    done = fab(laptop.folder, *words, code=code, **person)
    return done.stdout + done.stderr


@pytest.mark.life
def test_the_bucket_of_kept_builds_is_made_shown_and_looked_at(laptop: Laptop) -> None:
    person = {**laptop.env, **new_person(laptop.cloud, (FAB, BUILDS, BUCKET))}
    assert "pulumi config set gpurig:builds s3://" in say(laptop, person, "builds", code=2)
    laptop.settings(VALUES)
    made = say(laptop, person, "builds", "--make")
    assert f"s3://{NAME}/vision, account 123456789012, us-east-1: made\nno builds yet" in made
    assert laptop.doctor(code=0, **person)["builds"]["state"] == "ok"

    s3 = laptop.cloud.client("s3")
    for file, body in {"index.json": b"12", "signature": b"x", "a" * 64: b"3" * 2**20}.items():
        s3.put_object(Bucket=NAME, Key=f"vision/caffe-built-0123/{'b' * 64}/{file}", Body=body)
    assert re.search(r"caffe-built +1 +1\.0 MiB  the newest of 20", say(laptop, person, "builds"))
    (row,) = json.loads(say(laptop, person, "builds", "--json"))
    assert (row["name"], row["digest"], row["bytes"]) == ("caffe-built-0123", "b" * 64, 2**20 + 2)


def test_what_is_not_as_it_should_be_is_found_and_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(tmp_path) as wired:
        as_user(wired.cloud, monkeypatch)
        for key, value in new_person(wired.cloud, (FAB, BUILDS, BUCKET)).items():
            monkeypatch.setenv(key, value)
        _found_and_mended(wired.cloud)


def _found_and_mended(cloud: Cloud) -> None:
    found, s3 = StackSettings(values=VALUES), cloud.client("s3")
    missing = bucket.look(found)
    assert (missing.state, missing.text) == (
        "warning",
        f"s3://{NAME}/vision cannot be used for kept builds: there is no bucket {NAME}: every build is made anew",
    )
    assert missing.mend.startswith("fab builds --make")
    assert bucket.make(found)
    assert bucket.look(found).state == "ok"
    assert all(s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"].values())
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=NAME)["Rules"]
    assert (rule["Filter"], rule["Expiration"]["Days"], rule["Status"]) == ({"Prefix": "vision/"}, 180, "Enabled")

    s3.delete_public_access_block(Bucket=NAME)
    assert "could be opened to everybody" in bucket.look(found).text
    assert not bucket.make(found), "it is there, and who opened it may have meant to"
    assert "could be opened to everybody" in bucket.look(found).text
    s3.put_public_access_block(Bucket=NAME, PublicAccessBlockConfiguration=dict.fromkeys(CLOSED, True))
    s3.delete_bucket_lifecycle(Bucket=NAME)
    assert bucket.look(found).mend == "fab builds --make adds a lifecycle"
    bucket.make(found)
    assert bucket.look(found).state == "ok"

    assert not denied(cloud)
    needed = {wish["action"] for wish in wishes(cloud) if wish["action"].startswith("s3:")}
    given = {action for policy in (BUCKET, BUILDS) for action in policy.actions}
    assert given - needed == {"s3:GetObject", "s3:PutObject"}, "that is what setups do"
