"""What things cost in a region: AWS's Price List, kept for a day, and the dated table where it cannot be asked.

Every price says where it is from. Only what the Price List said is kept, in `.gpurig/prices`, by the address that
answered and the region: a stand-in's figures never come up for AWS's.
"""

from __future__ import annotations

import contextlib
import functools
import json
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

from provision.aws import spot_prices
from provision.aws.clients import aws_errors, client, listed
from provision.model import prices
from provision.model.errors import GpurigError
from provision.model.local_file import replace_text
from provision.model.partitions import no_prices, partition_of
from provision.model.platforms import price_table
from provision.model.prices import PRICE_LIST_REGIONS, Product, Quote
from provision.model.project import local_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from provision.model.prices import Question

KEPT_S = 24 * 3600
"""How long a price is good for: AWS changes its list now and then, never by the hour."""


def on_demand(profile: str, region: str, instance_type: str) -> Quote | None:
    """Return what an hour of an instance type costs on demand, Linux; None where nobody says."""
    found = PriceList.of(profile, region).product(prices.instance(instance_type, region))
    return found.quote if found else prices.instance_from_table(instance_type)


def gp3_gib_month(profile: str, region: str) -> Quote:
    """Return what a GiB of a gp3 volume costs a month."""
    found = PriceList.of(profile, region).product(prices.gp3(region))
    return found.quote if found else prices.from_table(price_table().gp3_gib_month)


def snapshot_gib_month(profile: str, region: str) -> Quote:
    """Return what a GiB of a snapshot costs a month."""
    found = PriceList.of(profile, region).beside_gp3(prices.snapshot)
    return found.quote if found else prices.from_table(price_table().snapshot_gib_month)


def address_hour(profile: str, region: str) -> Quote:
    """Return what an hour of a public IPv4 address costs."""
    found = PriceList.of(profile, region).beside_gp3(prices.address)
    return found.quote if found else prices.from_table(price_table().address_hour)


def spot(profile: str, region: str, instance_type: str) -> dict[str, Quote]:
    """Return what an hour of an instance type costs as spot now, by zone; what is not there as spot is left out.

    Raises `GpurigError` where EC2 does not say.
    """
    found = spot_prices.history(profile, region, [instance_type])
    return {price.zone: Quote(usd=price.now, source=price.source) for price in found}


def why_table(profile: str, region: str) -> str:
    """Return why the Price List was not asked, "" where it answers (or was not needed yet)."""
    return PriceList.of(profile, region).refused


class PriceList:
    """The Price List of one region, as one account asks for it."""

    def __init__(self, profile: str, region: str) -> None:
        self._profile, self._region = profile, region
        self._lock = threading.Lock()
        partition = partition_of(region)
        self.refused = "" if partition.prices else no_prices(partition)
        """Why it does not answer. Once it has not, it is not asked again: each price would wait for it anew."""

    @classmethod
    def of(cls, profile: str, region: str) -> PriceList:
        """Return the one of an account and region."""
        return _price_list(profile, region)

    def product(self, question: Question) -> Product | None:
        """Return the product that is asked for; None where there is none, or nobody answers."""
        if self.refused:
            return None
        try:
            texts = self._answer(question)
        except GpurigError as error:
            self.refused = error.what
            return None
        found = [product for text in texts if (product := Product.read(text))]
        return found[0] if len(found) == 1 else None

    def _answer(self, question: Question) -> list[str]:
        with aws_errors("the price list does not answer"):
            account = client("pricing", self._profile, PRICE_LIST_REGIONS[0])
            kept = _Kept(account.meta.endpoint_url, self._region)
            texts = kept.get(question)
            if texts is None:
                texts = _asked(account, question)
                with self._lock:
                    kept.put(question, texts)
            return texts

    def beside_gp3(self, question: Callable[[str, str], Question]) -> Product | None:
        """Return a product whose usage type begins as that of gp3 volumes does: how, is known of no region before."""
        gp3 = self.product(prices.gp3(self._region))
        return self.product(question(self._region, gp3.prefix)) if gp3 else None


@functools.cache
def _price_list(profile: str, region: str) -> PriceList:
    return PriceList(profile, region)


def _asked(account: Any, question: Question) -> list[str]:
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in question.fields.items()]
    return listed(account, "get_products", "PriceList", ServiceCode=question.service, Filters=filters)


class _Kept:
    """The answers of one price list on this machine. What cannot be read or written is not kept, and asked for anew."""

    def __init__(self, endpoint: str, region: str) -> None:
        where = urllib.parse.urlsplit(endpoint)
        self._file = local_folder() / "prices" / f"{where.hostname}-{where.port or 443}-{region}.json"

    def get(self, question: Question) -> list[str] | None:
        """Return the answer to a question; None where there is none of the last day."""
        entry = self._read().get(_key(question))
        if not isinstance(entry, dict) or not 0 <= time.time() - entry.get("at", 0) < KEPT_S:
            return None
        texts: list[str] = entry.get("products", [])
        return texts

    def put(self, question: Question, texts: list[str]) -> None:
        """Keep an answer, and let go of those that are too old."""
        now = time.time()
        rows = {key: row for key, row in self._read().items() if 0 <= now - row.get("at", 0) < KEPT_S}
        rows[_key(question)] = {"at": now, "products": texts}
        _write(self._file, rows)

    def _read(self) -> dict[str, Any]:
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {key: row for key, row in rows.items() if isinstance(row, dict)} if isinstance(rows, dict) else {}


def _write(path: Path, rows: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps(rows))


def _key(question: Question) -> str:
    return json.dumps([question.service, *sorted(question.fields.items())])
