"""The box, its disk and its network, as AWS is asked for them."""

from __future__ import annotations

import ipaddress

import pytest

from tests.infra.aws import OWN_ID, OWN_TAGS, ZONES, Aws, AwsSnapshot
from tests.infra.lab import GOOD, Run, run

SPOT = {**GOOD, "gpurig:spot": "true"}
DEBIAN = {
    "gpurig:image": "debian-12",
    "gpurig:gpu": "none",
    "gpurig:sources": '{"cuda": "distribution", "cudnn": "wheel"}',
}


def test_the_network_has_two_zones_a_way_out_and_a_free_way_to_s3(box: Run) -> None:
    subnets = [subnet.inputs for subnet in box.all("Subnet")]
    assert [subnet["availabilityZone"] for subnet in subnets] == ["us-east-1a", "us-east-1b"]
    assert len(box.all("RouteTableAssociation")) == 2
    assert box.only("Route").inputs["destinationCidrBlock"] == "0.0.0.0/0"
    endpoint = box.only("VpcEndpoint").inputs
    assert (endpoint["vpcEndpointType"], endpoint["serviceName"]) == ("Gateway", "com.amazonaws.us-east-1.s3")


def test_subnets_lie_in_the_vpc_and_apart() -> None:
    found = run({**GOOD, "gpurig:vpcCidr": "10.9.0.0/24"})
    vpc = ipaddress.ip_network(found.only("Vpc").inputs["cidrBlock"])
    first, second = (ipaddress.ip_network(subnet.inputs["cidrBlock"]) for subnet in found.all("Subnet"))
    assert str(vpc) == "10.9.0.0/24"
    assert first.subnet_of(vpc)  # type: ignore[arg-type]  # both are IPv4
    assert second.subnet_of(vpc)  # type: ignore[arg-type]
    assert not first.overlaps(second)


def test_a_zone_keeps_its_subnet_whichever_zone_is_chosen(box: Run) -> None:
    other = run({**GOOD, "gpurig:zone": "us-east-1b"})
    ranges = {s.inputs["availabilityZone"]: (s.name, s.inputs["cidrBlock"]) for s in box.all("Subnet")}
    again = {s.inputs["availabilityZone"]: (s.name, s.inputs["cidrBlock"]) for s in other.all("Subnet")}
    assert ranges["us-east-1b"] == again["us-east-1b"]
    assert set(again) == {"us-east-1b", "us-east-1c"}


def test_the_first_zone_that_offers_the_type_is_taken() -> None:
    found = run(GOOD, aws=Aws(offered_in=("us-east-1c", "us-east-1b")))
    assert found.only("Volume").inputs["availabilityZone"] == "us-east-1b"
    assert found.only("Instance").inputs["subnetId"] == "id-gpurig-us-east-1b"


def test_the_box_goes_where_its_volume_is() -> None:
    found = run(GOOD, aws=Aws(volume_zone="us-east-1b"))
    assert found.only("Instance").inputs["subnetId"] == "id-gpurig-us-east-1b"


def test_the_network_is_there_before_the_box_boots_and_stays_until_it_is_gone(box: Run) -> None:
    waited_for = {urn.rpartition("::")[2] for urn in box.only("Instance").options.dependencies}
    assert {"gpurig-out", "gpurig-gateway", "gpurig-us-east-1a", "box-out", "box-22-from-203.0.113.7/32"} <= waited_for


def test_a_newer_image_or_rendering_never_replaces_a_box(box: Run) -> None:
    ignored = list(box.only("Instance").options.ignoreChanges)
    # Of the key pair too: another key is `fab keys`' to bring, for EC2 would make the box anew.
    assert ignored[:3] == ["ami", "userDataBase64", "keyName"]
    # What the tags say of the first boot holds as long as the first boot does.
    assert ignored[3:] == [f'tags["gpurig:{key}"]' for key in ("image", "from-image", "user", "mount-point")]


def test_another_generation_is_another_box_with_the_same_volume(box: Run) -> None:
    found = run({**GOOD, "gpurig:generation": "2"})
    assert (box.only("Instance").name, found.only("Instance").name) == ("box-g1", "box-g2")
    for type_ in ("Volume", "VolumeAttachment", "KeyPair", "SecurityGroup"):
        assert box.only(type_).name == found.only(type_).name


def test_the_volume_leaves_the_old_box_before_it_joins_the_new_one(box: Run) -> None:
    attachment = box.only("VolumeAttachment")
    assert attachment.options.deleteBeforeReplace
    assert attachment.inputs["stopInstanceBeforeDetaching"] is True
    assert attachment.inputs["skipDestroy"] is False
    assert attachment.inputs["volumeId"] == "vol-box-jobs"
    assert attachment.inputs["instanceId"] == "i-box-g1"
    assert box.only("Instance").options.deleteBeforeReplace


def test_on_demand_boxes_stop_and_can_be_started_again(box: Run) -> None:
    assert "instanceMarketOptions" not in box.only("Instance").inputs
    assert box.only("Instance").inputs["instanceInitiatedShutdownBehavior"] == "stop"


def test_spot_is_one_time_and_ends_when_it_shuts_down() -> None:
    box = run({**SPOT, "gpurig:spotMaxPrice": "0.25"})
    instance = box.only("Instance").inputs
    assert instance["instanceInitiatedShutdownBehavior"] == "terminate"
    assert instance["instanceMarketOptions"]["marketType"] == "spot"
    options = instance["instanceMarketOptions"]["spotOptions"]
    assert options == {
        "spotInstanceType": "one-time",
        "instanceInterruptionBehavior": "terminate",
        "maxPrice": "0.250000",
    }


def test_spot_without_a_ceiling_leaves_the_price_to_aws() -> None:
    assert "maxPrice" not in run(SPOT).only("Instance").inputs["instanceMarketOptions"]["spotOptions"]


def test_a_spot_box_keeps_its_volume_until_it_is_gone() -> None:
    # EC2 cannot stop a one-time spot instance: to ask for it would make every destroy fail.
    attachment = run(SPOT).only("VolumeAttachment").inputs
    assert attachment["stopInstanceBeforeDetaching"] is False
    assert attachment["skipDestroy"] is True


def test_the_root_volume_goes_with_the_box(box: Run) -> None:
    root = box.only("Instance").inputs["rootBlockDevice"]
    assert (root["volumeType"], root["volumeSize"], root["deleteOnTermination"]) == ("gp3", 100, True)


def test_the_job_volume_outlives_changes_of_the_program(box: Run) -> None:
    volume = box.only("Volume")
    assert (volume.inputs["type"], volume.inputs["size"]) == ("gp3", 100)
    assert set(volume.options.ignoreChanges) == {"snapshotId", "availabilityZone"}


@pytest.mark.parametrize(
    ("on_destroy", "final_snapshot", "retained"),
    [("snapshot", True, False), ("retain", False, True), ("delete", False, False)],
)
def test_what_destroy_does_with_the_job_volume(on_destroy: str, *, final_snapshot: bool, retained: bool) -> None:
    volume = run({**GOOD, "gpurig:jobVolumeOnDestroy": on_destroy}).only("Volume")
    assert volume.inputs["finalSnapshot"] is final_snapshot
    assert volume.options.retainOnDelete is retained


def test_a_final_snapshot_gets_the_time_that_it_takes(box: Run) -> None:
    assert box.only("Volume").options.customTimeouts.delete == "2h"


def test_a_new_volume_comes_from_the_newest_snapshot_of_this_box_and_stack() -> None:
    found = run(GOOD, aws=Aws(snapshots=(AwsSnapshot(id="snap-newest"), AwsSnapshot(id="snap-older"))))
    assert found.only("Volume").inputs["snapshotId"] == "snap-newest"
    asked, *_ = [call.args for call in found.asked if "tag:gpurig:host" in str(call.args.get("filters"))]
    assert asked["owners"] == ["self"]
    assert {part["name"]: part["values"] for part in asked["filters"]} == {
        "status": ["completed", "pending"],
        "tag:gpurig:project": ["gpurig"],
        "tag:gpurig:stack": ["test"],
        "tag:gpurig:stack-id": [OWN_ID],
        "tag:gpurig:host": ["box"],
        "tag:gpurig:volume": ["jobs"],
    }
    # The tags that are looked for are those that the provider puts on a final snapshot: the volume's own.
    assert OWN_TAGS.items() <= found.only("Volume").inputs["tags"].items()


def test_without_a_snapshot_the_volume_is_blank(box: Run) -> None:
    assert "snapshotId" not in box.only("Volume").inputs


@pytest.mark.parametrize(("wanted", "expected"), [("none", None), ("snap-0123456789abcdef0", "snap-0123456789abcdef0")])
def test_the_snapshot_may_be_chosen(wanted: str, expected: str | None) -> None:
    aws = Aws(snapshots=(AwsSnapshot(id="snap-newest"), AwsSnapshot(id="snap-0123456789abcdef0")))
    found = run({**GOOD, "gpurig:jobSnapshot": wanted}, aws=aws)
    assert found.only("Volume").inputs.get("snapshotId") == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"gpurig:image": "ubuntu-22.04"}, "ami-of-ubuntu"),
        (DEBIAN, "ami-of-136693071363"),
        ({"gpurig:image": "ami-0123456789abcdef0", "gpurig:imageOs": "ubuntu-22.04"}, "ami-0123456789abcdef0"),
    ],
)
def test_images_by_parameter_by_owner_and_by_id(image: dict[str, str], expected: str) -> None:
    assert run({**GOOD, **image}).only("Instance").inputs["ami"] == expected


def test_the_first_boot_gets_the_boot_recipe_with_the_volume_that_was_made(box: Run) -> None:
    bundle = box.bundle()
    assert bundle["name"] == "base"
    assert "vol-box-jobs" in str(bundle["steps"])


def test_the_budget_is_made_when_it_is_asked_for(box: Run) -> None:
    assert box.all("Budget") == []
    found = run({**GOOD, "gpurig:budgetMonthlyUsd": "49.5", "gpurig:budgetEmail": "me@example.com"})
    budget = found.only("Budget").inputs
    assert (budget["limitAmount"], budget["limitUnit"], budget["timeUnit"]) == ("49.5", "USD", "MONTHLY")
    rules = [(rule["threshold"], rule["subscriberEmailAddresses"]) for rule in budget["notifications"]]
    assert rules == [(80, ["me@example.com"]), (100, ["me@example.com"])]


def test_an_instance_type_that_the_table_lacks_is_looked_up() -> None:
    aws = Aws(instance_types={"g6.48xlarge": [{"name": "L4", "count": 8, "manufacturer": "NVIDIA"}]})
    found = run({**GOOD, "gpurig:instanceType": "g6.48xlarge"}, aws=aws)
    assert found.only("Instance").inputs["instanceType"] == "g6.48xlarge"
    (host,) = found.outputs["gpurig"]["hosts"]
    assert host["gpu"] == {"model": "L4", "compute": "8.9", "memoryGib": 24, "count": 8}
    assert host["pricePerHour"] is None


def test_every_zone_of_the_mocked_region_would_do() -> None:
    for zone in ZONES:
        assert run({**GOOD, "gpurig:zone": zone}).only("Volume").inputs["availabilityZone"] == zone


def test_a_gpu_goes_by_the_name_that_ec2_has_for_it_too() -> None:
    # As DescribeInstanceTypes has it; the driver says "RTX PRO 6000 Blackwell Server Edition".
    card = [{"name": "RTX PRO Server 6000", "count": 1, "manufacturer": "NVIDIA"}]
    found = run(
        {**GOOD, "gpurig:instanceType": "g7e.2xlarge", "gpurig:recipe": "pytorch"},
        aws=Aws(instance_types={"g7e.2xlarge": card}),
    )
    assert found.outputs["gpurig"]["hosts"][0]["gpu"] == {
        "model": "RTX PRO 6000",
        "compute": "12.0",
        "memoryGib": 96,
        "count": 1,
    }
