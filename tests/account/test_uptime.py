"""When an instance stopped that shut itself down, as CloudWatch tells, however long ago that was."""

from __future__ import annotations

import pytest

from provision.aws import uptime
from tests.account.lab import Account

DAY = 86_400.0


@pytest.mark.parametrize(
    ("ran_hours", "ago_days", "late"), [(0.5, 0, 120), (30, 1, 120), (200, 3, 120), (5, 40, 600), (500, 200, 7200)]
)
def test_it_is_told_as_exactly_as_cloudwatch_keeps_it(
    account: Account, ran_hours: float, ago_days: int, late: float
) -> None:
    launched = account.wired.cloud.advance(0)
    box = account.box()
    account.advance(ran_hours)
    account.wired.hypervisor.tell_power_off(box)
    account.advance(ago_days * 24)
    now = account.wired.cloud.advance(0)
    found = uptime.stopped_at("", "us-east-1", box, launched=launched, now=now)
    assert found is not None
    assert 0 <= found - (launched + ran_hours * 3600) + 60 <= late
    assert len(account.wired.cloud.calls("GetMetricStatistics")) <= 4


def test_where_nobody_says_it_is_not_made_up(account: Account) -> None:
    now = account.wired.cloud.advance(0)
    assert uptime.stopped_at("", "us-east-1", "i-0123456789abcdef0", launched=now - DAY, now=now) is None
    account.wired.cloud.fault("GetMetricStatistics", code="AccessDenied", status=403, times=9)
    assert uptime.stopped_at("", "us-east-1", account.box(), launched=now - DAY, now=now) is None
