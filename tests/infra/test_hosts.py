"""Several hosts in one stack: what each has of its own, what they share, what they cost together."""

from __future__ import annotations

import pulumi
import pytest

from tests.infra.aws import OWN_TAGS, Aws, AwsSnapshot, AwsVolume
from tests.infra.lab import GOOD, Run, run

NAMES = ["box", "box-2", "box-3"]


@pytest.fixture(scope="module")
def three() -> Run:
    return run({**GOOD, "gpurig:hosts": "3"})


def test_hosts_are_named_after_the_first_and_known_to_fab(three: Run) -> None:
    hosts = three.hosts()
    assert [host.name for host in hosts] == NAMES
    assert [host.instance_id for host in hosts] == ["i-box-g1", "i-box-2-g1", "i-box-3-g1"]
    volumes = [host.target.volume_id for host in hosts if host.target]
    assert volumes == ["vol-box-jobs", "vol-box-2-jobs", "vol-box-3-jobs"]


def test_more_hosts_leave_the_first_one_as_it_is(three: Run) -> None:
    def by_name(found: Run) -> dict[tuple[str, str], object]:
        # The id that a new stack would have is another one each time; the state keeps the first.
        kept = [resource for resource in found.declared if resource.name != "identity"]
        # With the second box comes a group that they share, which is added to the first one as it runs.
        changed = {"vpcSecurityGroupIds"}
        return {
            (resource.type, resource.name): {key: v for key, v in resource.inputs.items() if key not in changed}
            for resource in kept
        }

    alone, together = by_name(run(GOOD)), by_name(three)
    assert {key: together[key] for key in alone} == alone
    assert {name.rpartition("-")[0] or name for _, name in together.keys() - alone.keys()} >= {"box-2", "box-3"}


def test_each_host_has_a_volume_of_its_own_and_all_share_the_network(three: Run) -> None:
    assert {volume.name: volume.inputs["tags"]["gpurig:host"] for volume in three.all("Volume")} == {
        f"{name}-jobs": name for name in NAMES
    }
    attached = {r.inputs["instanceId"]: r.inputs["volumeId"] for r in three.all("VolumeAttachment")}
    assert attached == {f"i-{name}-g1": f"vol-{name}-jobs" for name in NAMES}
    assert len(three.all("Vpc")) == 1
    assert {box.inputs["subnetId"] for box in three.all("Instance")} == {"id-gpurig-us-east-1a"}
    for name in NAMES:
        assert three.instance(name)["tags"]["gpurig:host"] == name
        assert f"vol-{name}-jobs" in str(three.bundle(name)["steps"])


def test_each_host_starts_from_its_own_snapshot() -> None:
    snapshots = {name: AwsSnapshot(id=f"snap-{name}", tags={**OWN_TAGS, "gpurig:host": name}) for name in NAMES}
    found = run({**GOOD, "gpurig:hosts": "3"}, aws=Aws(snapshots=tuple(snapshots.values())))
    assert {volume.name: volume.inputs["snapshotId"] for volume in found.all("Volume")} == {
        f"{name}-jobs": f"snap-{name}" for name in NAMES
    }


def test_questions_that_all_hosts_share_are_asked_once(three: Run) -> None:
    # Of volumes once for who the stack is, and once for what its boxes have.
    tokens = [call.token.rpartition(":")[2] for call in three.asked]
    assert [tokens.count(name) for name in ("getParameter", "getInstanceTypeOfferings", "getEbsVolumes")] == [1, 1, 2]


def test_the_price_is_that_of_all_together(three: Run) -> None:
    prices = [message for message in three.messages if "running: $0.553 an hour" in message]
    assert sorted(message.partition(":")[0] for message in prices) == NAMES
    # Three times 0.526 + 0.005 + 200 GiB at 0.08 / 730.
    assert three.outputs["price"].startswith("3 boxes, running: $1.659 an hour, $39.81 a day; stopped: $48.00 a month")
    assert "job volumes alone: $24.00 a month; their snapshots: $15.00 or less" in three.outputs["price"]


def test_people_see_every_host_by_its_name(three: Run) -> None:
    assert three.outputs["ssh"] == {name: f"fab ssh --limit {name}" for name in NAMES}
    assert set(three.outputs["address"]) == set(NAMES)


def test_a_host_stays_where_its_volume_is_and_new_ones_start_in_the_first_zone() -> None:
    second = AwsVolume(id="vol-box-2-jobs", zone="us-east-1c", tags={**OWN_TAGS, "gpurig:host": "box-2"})
    found = run({**GOOD, "gpurig:hosts": "2"}, aws=Aws(volumes=(second,)))
    zones = {volume.name: volume.inputs["availabilityZone"] for volume in found.all("Volume")}
    assert zones == {"box-jobs": "us-east-1a", "box-2-jobs": "us-east-1c"}
    subnets = {subnet.inputs["availabilityZone"] for subnet in found.all("Subnet")}
    assert subnets == {"us-east-1a", "us-east-1b", "us-east-1c"}
    assert found.instance("box-2")["subnetId"] == "id-gpurig-us-east-1c"


def test_volumes_that_are_named_go_to_the_hosts_of_their_tags() -> None:
    ids = {"box-2": "vol-0000000000000002a", "box": "vol-0000000000000001a"}
    there = tuple(AwsVolume(id=id_, tags={**OWN_TAGS, "gpurig:host": host}) for host, id_ in ids.items())
    found = run({**GOOD, "gpurig:hosts": "2", "gpurig:jobVolume": ",".join(ids.values())}, aws=Aws(volumes=there))
    attached = {r.inputs["instanceId"]: r.inputs["volumeId"] for r in found.all("VolumeAttachment")}
    assert attached == {"i-box-g1": ids["box"], "i-box-2-g1": ids["box-2"]}


def test_an_untagged_volume_is_for_nobody_among_several() -> None:
    untagged = AwsVolume(id="vol-0123456789abcdef0", tags={})
    with pytest.raises(pulumi.RunError, match="has no tag gpurig:host, which says whose it is: one of box, box-2"):
        run({**GOOD, "gpurig:hosts": "2", "gpurig:jobVolume": untagged.id}, aws=Aws(volumes=(untagged,)))
