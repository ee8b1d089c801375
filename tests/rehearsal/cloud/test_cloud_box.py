"""The daemon with boxes: one real box behind the API, from its launch to its own end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.boxes import why_not
from rehearsal.cloud.handle import Cloud
from tests.kit.cloud import run, show
from tests.kit.wait import until

if TYPE_CHECKING:
    from pathlib import Path

LACK = why_not()
USER_DATA = """#cloud-config
runcmd:
  - [sh, -c, "echo this box has $(ls /dev/disk/by-id) >/dev/console"]
power_state: {mode: poweroff}
"""


@pytest.mark.box
@pytest.mark.skipif(LACK is not None, reason=LACK or "")
def test_a_box_boots_from_its_user_data_and_ends_as_it_was_launched_to(tmp_path: Path) -> None:
    cloud = Cloud.start(tmp_path)
    try:
        ec2 = cloud.client("ec2")
        volume = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": False}}
        identifier = run(ec2, UserData=USER_DATA, BlockDeviceMappings=[volume])["InstanceId"]
        kept = show(ec2, identifier)["BlockDeviceMappings"][1]["Ebs"]["VolumeId"]
        ec2.modify_instance_attribute(InstanceId=identifier, InstanceInitiatedShutdownBehavior={"Value": "stop"})
        until(lambda: show(ec2, identifier)["State"]["Name"] == "stopped", 120)
        console = ec2.get_console_output(InstanceId=identifier)["Output"]
        assert "-----BEGIN SSH HOST KEY KEYS-----" in console
        assert f"nvme-Amazon_Elastic_Block_Store_{kept.replace('-', '')}" in console
        ec2.terminate_instances(InstanceIds=[identifier])
        assert [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]] == [kept]
    finally:
        cloud.stop()
