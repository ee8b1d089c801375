"""What the account may run, and what it runs."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from provision.aws import quotas
from provision.model.errors import GpurigError
from tests.kit.cloud import Wired, run

G, G_SPOT = "L-DB2E81BA", "L-3819A6DF"
SPOT = {"InstanceMarketOptions": {"MarketType": "spot"}}


@pytest.mark.parametrize(
    ("name", "on_demand", "spot"),
    [
        ("g4dn.xlarge", G, G_SPOT),
        ("gr6.4xlarge", G, G_SPOT),
        ("p4d.24xlarge", "L-417A185B", "L-7212CCBC"),
        ("p5.48xlarge", "L-417A185B", "L-C4BD4855"),
        ("m5.large", "L-1216C47A", "L-34B43A08"),
        ("i3.large", "L-1216C47A", "L-34B43A08"),
        ("inf1.xlarge", "", ""),
        ("trn1.2xlarge", "", ""),
        ("x1.16xlarge", "", ""),
    ],
)
def test_which_quota_a_type_counts_for(name: str, on_demand: str, spot: str) -> None:
    assert (quotas.code_of(name, spot=False), quotas.code_of(name, spot=True)) == (on_demand, spot)


def test_what_runs_counts_and_what_stopped_does_not(wired: Wired) -> None:
    wired.cloud.quotas(L_DB2E81BA=16, L_3819A6DF=4)
    box = run(wired.ec2, InstanceType="g4dn.xlarge")["InstanceId"]
    run(wired.ec2, InstanceType="m5.large")
    run(wired.ec2, InstanceType="g4dn.xlarge", **SPOT)
    found = quotas.of("", "us-east-1", G)
    assert (found.vcpus, found.used, found.left) == (16, 4, 12)
    assert found.name == "Running On-Demand G and VT instances"
    assert found.link.startswith("https://us-east-1.console.aws.amazon.com/servicequotas/")
    assert quotas.of("", "us-east-1", G_SPOT).left == 0
    wired.ec2.stop_instances(InstanceIds=[box])
    assert quotas.of("", "us-east-1", G).used == 0


def test_launches_beyond_the_quota_are_refused_as_ec2_does(wired: Wired) -> None:
    wired.cloud.quotas(L_DB2E81BA=7, L_3819A6DF=0)
    run(wired.ec2, InstanceType="g4dn.xlarge")
    for more in ({}, {"DryRun": True}):
        with pytest.raises(ClientError, match="current vCPU limit of 7 allows") as refused:
            run(wired.ec2, InstanceType="g4dn.xlarge", **more)
        assert refused.value.response["Error"]["Code"] == "VcpuLimitExceeded"
    with pytest.raises(ClientError, match="MaxSpotInstanceCountExceeded"):
        run(wired.ec2, InstanceType="g4dn.xlarge", **SPOT)
    run(wired.ec2, InstanceType="m5.large")
    cheap = {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.001"}}}
    wired.cloud.quotas(L_3819A6DF=4)
    with pytest.raises(ClientError, match="SpotMaxPriceTooLow"):
        run(wired.ec2, InstanceType="g4dn.xlarge", **cheap)


def test_a_quota_that_may_not_be_asked(wired: Wired) -> None:
    wired.cloud.fault("GetServiceQuota", code="AccessDeniedException", message="not you", times=9)
    with pytest.raises(GpurigError, match=r"cannot be asked.*not you"):
        quotas.of("", "us-east-1", G)
