"""Where kept builds are: one way to write it, and what a bucket and its keys are then."""

from __future__ import annotations

import pytest

from provision.model import checks
from provision.model.builds import Place


@pytest.mark.parametrize(
    ("text", "bucket", "prefix", "again"),
    [
        ("s3://lab-builds", "lab-builds", "", "s3://lab-builds"),
        ("s3://lab-builds/", "lab-builds", "", "s3://lab-builds"),
        ("s3://lab-builds/vision/2024.1/", "lab-builds", "vision/2024.1/", "s3://lab-builds/vision/2024.1"),
    ],
)
def test_a_place_is_a_bucket_and_a_prefix(text: str, bucket: str, prefix: str, again: str) -> None:
    assert checks.BUILDS.holds(text)
    place = Place.read(text)
    assert (place.bucket, place.prefix, str(place)) == (bucket, prefix, again)


@pytest.mark.parametrize(
    "text",
    [
        *("", "lab-builds", "s3://", "s3://ab", "s3://a.b.c", "s3://Lab/x", "s3://-ab/x", "https://lab-builds/x", None),
        *(
            "s3://lab-builds/../x",
            "s3://lab-builds//x",
            "s3://lab-builds/a b",
            "s3://lab-builds/é",
            "s3://lab-builds\n",
        ),
    ],
)
def test_nothing_else_is_one(text: object) -> None:
    assert not checks.BUILDS.holds(text)
