"""What the hypervisor is told, when, and what the API shows meanwhile and afterwards."""

from __future__ import annotations

import gzip
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.errors import CannotBoot
from rehearsal.hypervisor import Rule
from tests.kit.cloud import UBUNTU, group, run, show, subnet, tcp

if TYPE_CHECKING:
    from tests.kit.cloud import Wired

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGk0r1TtcBAXGJWQmvxg4Hpl5G2eDzbSCkgsmJEMuTMF me"


def state(ec2: Any, identifier: str) -> str:
    name: str = show(ec2, identifier)["State"]["Name"]
    return name


def test_a_launch_carries_all_that_a_box_needs(wired: Wired) -> None:
    ec2, data = wired.ec2, gzip.compress(b"#cloud-config\n", mtime=0)
    ec2.import_key_pair(KeyName="me", PublicKeyMaterial=KEY.encode())
    own = group(ec2)
    ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=tcp(22, "198.18.0.1/32"))
    card = {"DeviceIndex": 0, "SubnetId": subnet(ec2), "Groups": [own], "AssociatePublicIpAddress": True}
    instance = run(ec2, KeyName="me", UserData=data, NetworkInterfaces=[card])
    (spec,) = wired.hypervisor.specs
    assert (spec.instance_id, spec.image_id, spec.instance_type) == (instance["InstanceId"], UBUNTU, "g5.xlarge")
    assert (spec.public_ip, spec.private_ip) == (instance["PublicIpAddress"], instance["PrivateIpAddress"])
    assert (spec.user_data, spec.public_keys) == (data, (KEY,))
    assert spec.rules == (Rule(protocol="tcp", first=22, last=22, cidr="198.18.0.1/32"),)
    assert instance["PublicIpAddress"] == "198.18.255.10"
    assert instance["PublicDnsName"] == "ec2-198-18-255-10.compute-1.amazonaws.com"


def test_a_created_keys_public_half_is_the_boxes(wired: Wired) -> None:
    wired.ec2.create_key_pair(KeyName="made", KeyType="ed25519")
    run(wired.ec2, KeyName="made")
    (key,) = wired.hypervisor.specs[0].public_keys
    assert key.startswith("ssh-ed25519 AAAA")


def test_an_instance_without_a_public_address_shows_none_and_has_a_box(wired: Wired) -> None:
    card = {"DeviceIndex": 0, "SubnetId": subnet(wired.ec2), "AssociatePublicIpAddress": False}
    instance = run(wired.ec2, NetworkInterfaces=[card])
    assert "PublicIpAddress" not in instance
    assert wired.hypervisor.specs[0].public_ip
    ec2, identifier = wired.ec2, instance["InstanceId"]
    ec2.stop_instances(InstanceIds=[identifier])
    ec2.start_instances(InstanceIds=[identifier])
    assert "PublicIpAddress" not in show(ec2, identifier)


def test_states_follow_the_box_and_never_run_ahead(wired: Wired) -> None:
    ec2, hypervisor = wired.ec2, wired.hypervisor
    instance = run(ec2)
    identifier = instance["InstanceId"]
    for name in ("stop", "start", "reboot", "terminate"):
        hypervisor.during[name] = lambda: state(wired.ec2, identifier)
    shown = []
    for call in (ec2.stop_instances, ec2.start_instances, ec2.reboot_instances, ec2.terminate_instances):
        call(InstanceIds=[identifier])
        now = show(ec2, identifier)
        shown.append((now["State"]["Name"], now.get("PublicIpAddress")))
    first, second = instance["PublicIpAddress"], shown[1][1]
    assert second not in (None, first), "EC2 gives another address at a start"
    assert hypervisor.names() == ["launch", "stop", "start", "reboot", "terminate"]
    assert hypervisor.seen == ["stopping", "pending", "running", "running"]
    assert shown == [("stopped", None), ("running", second), ("running", second), ("terminated", None)]


def test_doing_it_again_does_nothing(wired: Wired) -> None:
    ec2 = wired.ec2
    identifier = run(ec2)["InstanceId"]
    for call in (ec2.start_instances, ec2.stop_instances, ec2.stop_instances, ec2.terminate_instances):
        call(InstanceIds=[identifier])
    ec2.terminate_instances(InstanceIds=[identifier])
    assert wired.hypervisor.names() == ["launch", "stop", "terminate"]


def test_what_is_refused_reaches_no_box(wired: Wired) -> None:
    ec2 = wired.ec2
    identifier = run(ec2)["InstanceId"]
    spot = run(ec2, InstanceMarketOptions={"MarketType": "spot"})["InstanceId"]
    root = show(ec2, identifier)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    for call, arguments in (
        (ec2.stop_instances, {"InstanceIds": [spot]}),
        (ec2.stop_instances, {"InstanceIds": [identifier], "DryRun": True}),
        (ec2.terminate_instances, {"InstanceIds": [spot], "DryRun": True}),
        (ec2.delete_volume, {"VolumeId": root}),
        (ec2.run_instances, {"ImageId": UBUNTU, "MinCount": 1, "MaxCount": 1, "DryRun": True}),
    ):
        with pytest.raises(ClientError):
            call(**arguments)
    assert wired.hypervisor.names() == ["launch", "launch"]


def test_a_box_that_cannot_boot_is_a_refused_launch(wired: Wired) -> None:
    wired.hypervisor.fail["launch"] = CannotBoot("no loop devices here; run as root")
    with pytest.raises(ClientError) as refused:
        run(wired.ec2)
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("CannotBoot", "no loop devices here; run as root")
    assert wired.hypervisor.names() == ["launch", "terminate"]
    (reservation,) = wired.ec2.describe_instances()["Reservations"]
    (instance,) = reservation["Instances"]
    assert instance["State"]["Name"] == "terminated"
    assert instance["StateReason"]["Code"] == "Server.InternalError"
    assert wired.ec2.describe_volumes()["Volumes"] == []


def test_the_console_is_the_boxes_and_ends_with_it(wired: Wired) -> None:
    ec2 = wired.ec2
    identifier = run(ec2)["InstanceId"]
    assert ec2.get_console_output(InstanceId=identifier)["Output"] == f"console of {identifier}\n"
    ec2.terminate_instances(InstanceIds=[identifier])
    assert ec2.get_console_output(InstanceId=identifier).get("Output", "") == ""


def test_rules_reach_every_box_of_a_group_and_no_other(wired: Wired) -> None:
    ec2, hypervisor = wired.ec2, wired.hypervisor
    own, other = group(ec2, "own"), group(ec2, "other")
    one, two = (run(ec2, SecurityGroupIds=[own])["InstanceId"] for _ in range(2))
    run(ec2, SecurityGroupIds=[other])
    hypervisor.calls.clear()
    ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=tcp(22, "192.0.2.1/32"))
    ssh = (Rule(protocol="tcp", first=22, last=22, cidr="192.0.2.1/32"),)
    assert sorted(hypervisor.calls) == sorted([("set_rules", one, ssh), ("set_rules", two, ssh)])
    hypervisor.calls.clear()
    (rule,) = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [own]}],
    )["SecurityGroupRules"][-1:]
    changed = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 23, "CidrIpv4": "192.0.2.9/32"}
    ec2.modify_security_group_rules(
        GroupId=own,
        SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": changed}],
    )
    assert {call[2] for call in hypervisor.calls} == {(Rule(protocol="tcp", first=22, last=23, cidr="192.0.2.9/32"),)}
    hypervisor.calls.clear()
    ec2.modify_instance_attribute(InstanceId=two, Groups=[other])
    assert hypervisor.calls == [("set_rules", two, ())]
    hypervisor.calls.clear()
    ec2.revoke_security_group_ingress(GroupId=own, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    assert hypervisor.calls == [("set_rules", one, ())]


@pytest.mark.parametrize(("behavior", "ends"), [("stop", "stopped"), ("terminate", "terminated")])
def test_a_box_that_switches_itself_off_does_as_it_was_launched_to(wired: Wired, behavior: str, ends: str) -> None:
    ec2 = wired.ec2
    identifier = run(ec2, InstanceInitiatedShutdownBehavior=behavior)["InstanceId"]
    wired.hypervisor.tell_power_off(identifier)
    instance = show(ec2, identifier)
    assert instance["State"]["Name"] == ends
    assert instance["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert wired.hypervisor.names() == ["launch", behavior]
    wired.hypervisor.tell_power_off(identifier)  # once more is nothing new
    assert wired.hypervisor.names() == ["launch", behavior]


def test_the_callers_address_is_what_boxes_see(wired: Wired) -> None:
    with urllib.request.urlopen(f"{wired.cloud.endpoint}/_rehearsal/address", timeout=10) as answer:  # noqa: S310
        assert answer.read() == b"198.18.0.1\n"
