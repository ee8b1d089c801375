"""Where a price comes from, and that it says so."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from provision.aws import prices, spot_prices
from provision.model import prices as lists
from provision.model.platforms import instance_types, price_table
from provision.model.prices import Product
from tests.kit.cloud import Wired

REGION = "eu-west-1"


def asked(wired: Wired) -> int:
    return len(wired.cloud.calls("GetProducts"))


def afresh() -> None:
    """Go on as another command would."""
    prices._price_list.cache_clear()


@pytest.mark.usefixtures("wired")
def test_each_type_of_the_table_has_one_product() -> None:
    for name, known in instance_types().items():
        found = prices.on_demand("", REGION, name)
        assert found is not None
        assert found.usd == pytest.approx(1.1 * (known.usd_per_hour or 0), abs=1e-4)
        # The rehearsal's list is not taken for AWS's.
        assert found.source == "price list of rehearsal of eu-west-1"


@pytest.mark.usefixtures("wired")
@pytest.mark.parametrize("region", ["us-east-1", REGION])
def test_disks_snapshots_and_addresses(region: str) -> None:
    factor = 1.0 if region == "us-east-1" else 1.1
    table = price_table()
    for ask, usd in {
        prices.gp3_gib_month: table.gp3_gib_month,
        prices.snapshot_gib_month: table.snapshot_gib_month,
        prices.address_hour: table.address_hour,
    }.items():
        found = ask("", region)
        assert found.usd == pytest.approx(factor * usd)
        assert found.source == f"price list of rehearsal of {region}"


def test_a_price_is_kept_for_a_day_and_no_longer(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prices.on_demand("", REGION, "g4dn.xlarge")
    afresh()
    assert prices.on_demand("", REGION, "g4dn.xlarge") == first
    assert asked(wired) == 1
    assert prices.on_demand("", "us-east-1", "g4dn.xlarge") != first, "another region has a file of its own"
    assert asked(wired) == 2
    tomorrow = time.time() + 24 * 3600 + 1
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    afresh()
    prices.on_demand("", REGION, "g4dn.xlarge")
    assert asked(wired) == 3


def test_what_another_address_said_does_not_count(wired: Wired) -> None:
    prices.on_demand("", REGION, "g4dn.xlarge")
    (kept,) = Path(".gpurig/prices").iterdir()
    assert os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2] in kept.name
    kept.rename(kept.with_name("api.pricing.us-east-1.amazonaws.com-443-eu-west-1.json"))
    afresh()
    prices.on_demand("", REGION, "g4dn.xlarge")
    assert asked(wired) == 2


def test_a_damaged_file_is_asked_for_anew(wired: Wired) -> None:
    prices.on_demand("", REGION, "g4dn.xlarge")
    (kept,) = Path(".gpurig/prices").iterdir()
    for damage in ("{", "[]", json.dumps({"x": 1})):
        kept.write_text(damage)
        afresh()
        found = prices.on_demand("", REGION, "g4dn.xlarge")
        assert found is not None
        assert found.source.startswith("price list")
    assert asked(wired) == 4


def test_a_refused_account_gets_the_dated_table_and_is_asked_once(wired: Wired) -> None:
    wired.cloud.fault("GetProducts", code="AccessDeniedException", message="not authorized", times=9)
    table = price_table()
    for ask in (prices.gp3_gib_month, prices.snapshot_gib_month, prices.address_hour):
        assert ask("", REGION).source == f"table of {table.date} for us-east-1"
    found = prices.on_demand("", REGION, "g4dn.xlarge")
    assert (found and found.usd, found and found.source) == (0.526, f"table of {table.date} for us-east-1")
    assert asked(wired) == 1
    assert "AccessDeniedException" in prices.why_table("", REGION)
    assert not Path(".gpurig").exists(), "only what the list said is kept"


@pytest.mark.usefixtures("wired")
def test_a_type_that_nobody_has_a_price_of() -> None:
    assert prices.on_demand("", REGION, "x9.large") is None


@pytest.mark.usefixtures("wired")
def test_no_price_is_made_of_an_ambiguous_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lists.instance("p5.48xlarge", REGION)
    less = {key: value for key, value in whole.fields.items() if key != "marketoption"}
    monkeypatch.setattr(lists, "instance", lambda *_: lists.Question(service="AmazonEC2", fields=less))
    found = prices.on_demand("", REGION, "p5.48xlarge")
    assert found is not None
    assert found.source.startswith("table of"), "a capacity block has the same other attributes"


def test_a_list_of_awss_is_called_so() -> None:
    rate = {"pricePerUnit": {"USD": "0.5260000000"}}
    document = {
        "product": {"attributes": {"regionCode": "us-east-1", "usagetype": "BoxUsage:g4dn.xlarge"}},
        "terms": {"OnDemand": {"A.B": {"priceDimensions": {"A.B.C": rate}}}},
        "version": "20261105203316",
    }
    found = Product.read(json.dumps(document))
    assert found is not None
    assert str(found.quote) == "$0.526 (AWS Price List of us-east-1)"
    assert found.prefix == ""
    rate["pricePerUnit"]["USD"] = "0.0000000000"
    assert Product.read(json.dumps(document)) is None, "a reservation's price is no price"


@pytest.mark.usefixtures("wired")
def test_spot_by_zone_with_its_history() -> None:
    found = prices.spot("", "us-east-1", "g4dn.xlarge")
    assert found
    for zone, quote in found.items():
        assert 0.3 * 0.526 < quote.usd < 0.526
        assert quote.source == f"spot price of {zone}, told by 127.0.0.1"
    days = spot_prices.history("", "us-east-1", ["g4dn.xlarge", "g5.xlarge"])
    assert {(price.instance_type, price.zone) for price in days} >= {("g4dn.xlarge", zone) for zone in found}
    assert all(price.low <= price.now <= price.high and price.changes == 28 for price in days)
    assert prices.spot("", "us-east-1", "x9.large") == {}
