"""The Price List and the history of spot prices, as AWS answers for them."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.kit.cloud import Wired


def products(client: Any, **fields: str) -> list[dict[str, Any]]:
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    pages = client.get_paginator("get_products").paginate(ServiceCode="AmazonEC2", Filters=filters)
    return [json.loads(text) for page in pages for text in page["PriceList"]]


def test_a_product_has_awss_shape(wired: Wired) -> None:
    found = products(
        wired.cloud.client("pricing"),
        instanceType="g4dn.xlarge",
        regionCode="eu-central-1",
        capacitystatus="Used",
        operatingSystem="Linux",
        tenancy="Shared",
        preInstalledSw="NA",
    )
    (only,) = found
    assert only["product"]["productFamily"] == "Compute Instance"
    assert only["product"]["attributes"]["usagetype"] == "EUC1-BoxUsage:g4dn.xlarge"
    (term,) = only["terms"]["OnDemand"].values()
    (rate,) = term["priceDimensions"].values()
    assert (rate["unit"], rate["pricePerUnit"]) == ("Hrs", {"USD": "0.5786000000"})
    assert only["version"] == "rehearsal"


def test_a_question_with_less_filters_meets_its_neighbours(wired: Wired) -> None:
    client = wired.cloud.client("pricing")
    assert len(products(client, instanceType="p5.48xlarge", regionCode="us-east-1")) > 5
    assert len(products(client, productFamily="Storage Snapshot", regionCode="us-east-1")) == 3
    assert products(client, instanceType="g4dn.xlarge", regionCode="us-nowhere-1") == []
    assert len(products(client)) > 100, "more than a page"


def test_where_and_how_it_may_be_asked(wired: Wired) -> None:
    import boto3

    elsewhere = boto3.client(
        "pricing",
        region_name="eu-west-1",
        endpoint_url=wired.cloud.endpoint,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    with pytest.raises(ClientError, match="no Price List in eu-west-1"):
        elsewhere.get_products(ServiceCode="AmazonEC2")
    client = wired.cloud.client("pricing")
    with pytest.raises(ClientError, match="serviceCode cannot be null"):
        client.get_products(ServiceCode="")
    with pytest.raises(ClientError, match="NotImplemented"):
        client.describe_services()


def history(wired: Wired, **more: Any) -> list[dict[str, Any]]:
    pages = wired.ec2.get_paginator("describe_spot_price_history").paginate(**more)
    return [row for page in pages for row in page["SpotPriceHistory"]]


def test_spot_prices_are_the_changes_of_a_time_and_the_last_one_before(wired: Wired) -> None:
    now = dt.datetime.now(dt.UTC)
    more = {"InstanceTypes": ["g4dn.xlarge"], "AvailabilityZone": "us-east-1a"}
    (latest,) = history(wired, StartTime=now, **more)
    assert latest["Timestamp"] <= now
    week = history(wired, StartTime=now - dt.timedelta(days=7), **more)
    assert len(week) == 29
    assert week[0] == latest
    times = [row["Timestamp"] for row in week]
    assert times == sorted(times, reverse=True)
    assert times[-1] <= now - dt.timedelta(days=7) < times[-2]
    assert len({row["SpotPrice"] for row in week}) > 5
    old = history(wired, StartTime=now - dt.timedelta(days=400), **more)
    assert times[-1] > old[-1]["Timestamp"] >= now - dt.timedelta(days=91)


def test_spot_prices_by_filters(wired: Wired) -> None:
    now = dt.datetime.now(dt.UTC)
    zone = [{"Name": "availability-zone", "Values": ["us-east-1b"]}]
    found = history(wired, StartTime=now, InstanceTypes=["g5.xlarge", "g4dn.xlarge"], Filters=zone)
    assert {(row["InstanceType"], row["AvailabilityZone"]) for row in found} == {
        ("g5.xlarge", "us-east-1b"),
        ("g4dn.xlarge", "us-east-1b"),
    }
    assert history(wired, StartTime=now, InstanceTypes=["g5.xlarge"], ProductDescriptions=["Windows"]) == []
    with pytest.raises(ClientError, match="colour"):
        history(wired, StartTime=now, Filters=[{"Name": "colour", "Values": ["red"]}])
