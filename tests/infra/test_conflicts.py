"""Settings that are each fine by themselves and wrong together."""

from __future__ import annotations

import pytest

from tests.infra.lab import refused

_GROUP = "sg-0123456789abcdef0"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image": "ami-0123456789abcdef0"}, "gpurig:image: an image by its id needs gpurig:imageOs"),
        ({"image": "baked"}, "gpurig:image: a baked image needs gpurig:imageOs"),
        ({"imageOs": "debian-12"}, "gpurig:imageOs: goes with baked or an image by its id (ami-…) only"),
        ({"hosts": "12", "vpcCidr": "10.0.0.0/24"}, "has room for 11 boxes, and gpurig:hosts is 12"),
        (
            {"jobVolume": "vol-0123456789abcdef0,vol-0123456789abcdef1"},
            "gpurig:jobVolume: 2 volumes for 1 boxes",
        ),
        (
            {"jobVolume": "vol-0123456789abcdef0", "jobSnapshot": "snap-0123456789abcdef0"},
            "gpurig:jobSnapshot: snap-0123456789abcdef0 has no effect",
        ),
        ({"spotMaxPrice": "0.3"}, "gpurig:spotMaxPrice: has no effect without gpurig:spot true"),
        ({"spotRebalance": "leave"}, "gpurig:spotRebalance: has no effect without gpurig:spot true"),
        ({"spot": "true", "generation": "2"}, "gpurig:generation: 2 on a spot box"),
        ({"budgetMonthlyUsd": "10"}, "set both, or neither"),
        ({"access": "private", "bastionGroup": _GROUP}, "gpurig:access: private needs a subnet of yours"),
        ({"access": "ssm", "allowedCidrs": ""}, "NAT gateway in its place would cost about 33 USD a month"),
        ({"access": "private", "allowedCidrs": "auto"}, "gpurig:access: nobody could reach the box"),
        ({"access": "ssm"}, "gpurig:allowedCidrs: with gpurig:access ssm no port is open"),
        ({"access": "ssm", "image": "debian-12"}, "debian-12 has no agent of Session Manager; take ubuntu-22.04"),
        ({"bastion": "me@b.example.com"}, "gpurig:bastion: goes with gpurig:access private only"),
        ({"access": "ssm", "bastionGroup": _GROUP}, "gpurig:bastionGroup: goes with gpurig:access private only"),
        ({"bastion": "-oProxyCommand=x"}, "gpurig:bastion"),
        ({"bastion": "me@b:70000"}, "gpurig:bastion"),
        ({"subnetId": "subnet-1"}, "the id of a subnet"),
        ({"zone": "eu-west-1a"}, 'gpurig:zone: "eu-west-1a" is not in the region us-east-1'),
    ],
)
def test_settings_that_contradict_each_other(changes: dict[str, str], expected: str) -> None:
    assert expected in refused(changes)
