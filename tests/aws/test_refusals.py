"""What AWS refuses or never answers: said in words, with the way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from provision.aws import clients
from provision.model.errors import GpurigError
from tests.kit.cloud import Wired, as_user, serve

FOREVER = 99
VPCS, WHO = ("ec2", "describe_vpcs"), ("sts", "get_caller_identity")
AGAIN = "the same command again"


@pytest.fixture(scope="module")
def wired(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wired]:
    with serve(tmp_path_factory.mktemp("cloud")) as made:
        yield made


@pytest.mark.parametrize(
    ("service", "question", "fault", "hint"),
    [
        (*VPCS, {"code": "RequestLimitExceeded", "status": 503}, AGAIN),
        (*VPCS, {"code": "InternalError", "status": 500}, AGAIN),
        (*VPCS, {"cut": True}, AGAIN),
        (*VPCS, {"expired": True}, "log in again"),
        (*VPCS, {"skew": 3600.0}, "the clock of this machine is 60 minutes behind AWS's"),
        (*WHO, {"expired": True}, "log in again"),
        (*WHO, {"skew": -3600.0}, "the clock of this machine is 60 minutes ahead of AWS's"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_the_way_out_is_said(
    wired: Wired, monkeypatch: pytest.MonkeyPatch, service: str, question: str, fault: dict[str, Any], hint: str
) -> None:
    as_user(wired.cloud, monkeypatch)
    monkeypatch.setattr("botocore.retries.adaptive.ClientRateLimiter.on_sending_request", lambda *_, **__: None)
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    wired.cloud.fault("*", times=FOREVER, **fault)
    with pytest.raises(GpurigError) as caught, clients.aws_errors("AWS does not tell"):
        getattr(clients.client(service, "", "us-east-1"), question)()
    wired.cloud.disarm()
    assert hint in caught.value.hint
    assert caught.value.what.startswith("AWS does not tell: ")
