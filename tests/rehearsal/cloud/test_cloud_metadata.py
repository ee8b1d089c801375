"""What an instance hears of itself, and what EC2 does to a spot instance that it takes back."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.errors import RehearsalError
from rehearsal.hypervisor import Question
from tests.kit.cloud import group, run, show, subnet
from tests.kit.wait import until

if TYPE_CHECKING:
    from rehearsal.hypervisor import Reply
    from tests.kit.cloud import Wired

REQUIRED = {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1}
SPOT = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
TTL = {"x-aws-ec2-metadata-token-ttl-seconds": "60"}


def ask(wired: Wired, instance: str, path: str, method: str = "GET", **headers: str) -> Reply:
    named = {f"x-aws-ec2-metadata-{name.replace('_', '-')}": value for name, value in headers.items()}
    return wired.hypervisor.answer(instance, Question(method=method, path=path, headers=named))


def token(wired: Wired, instance: str, ttl: str = "60") -> str:
    reply = ask(wired, instance, "/latest/api/token", "PUT", token_ttl_seconds=ttl)
    assert (reply.status, reply.hops) == (200, 1)
    assert reply.headers["X-Aws-Ec2-Metadata-Token-Ttl-Seconds"] == ttl
    return reply.body.decode()


def read(wired: Wired, instance: str, name: str) -> tuple[int, str]:
    reply = ask(wired, instance, f"/latest/meta-data/{name}", token=token(wired, instance))
    return reply.status, reply.body.decode()


def launched(wired: Wired, **more: Any) -> str:
    identifier: str = run(wired.ec2, MetadataOptions=REQUIRED, **more)["InstanceId"]
    return identifier


def test_an_instance_learns_what_it_is(wired: Wired) -> None:
    card = {"DeviceIndex": 0, "SubnetId": subnet(wired.ec2), "Groups": [group(wired.ec2)]}
    one = launched(wired, NetworkInterfaces=[{**card, "AssociatePublicIpAddress": True}])
    shown = show(wired.ec2, one)
    said = {
        "instance-id": one,
        "instance-type": "g5.xlarge",
        "ami-id": shown["ImageId"],
        "placement/availability-zone": "us-east-1a",
        "placement/region": "us-east-1",
        "public-ipv4": shown["PublicIpAddress"],
        "local-ipv4": shown["PrivateIpAddress"],
        "instance-life-cycle": "on-demand",
        "placement/": "availability-zone\nregion",
    }
    assert {name: read(wired, one, name) for name in said} == {name: (200, text) for name, text in said.items()}
    assert "placement/" in read(wired, one, "")[1].splitlines()
    assert read(wired, launched(wired, InstanceMarketOptions=SPOT), "instance-life-cycle") == (200, "spot")
    for absent in ("spot/instance-action", "spot/termination-time", "events/recommendations/rebalance", "spot/"):
        assert read(wired, one, absent)[0] == 404
    assert read(wired, one, "iam/security-credentials/")[0] == 404


def test_it_asks_for_a_session_first(wired: Wired) -> None:
    one, other = launched(wired), launched(wired)
    assert ask(wired, one, "/latest/meta-data/instance-id").status == 401
    assert ask(wired, one, "/latest/meta-data/instance-id", token="made up").status == 401
    assert ask(wired, one, "/latest/meta-data/instance-id", token=token(wired, other)).status == 401
    assert ask(wired, one, "/latest/api/token", "PUT").status == 400
    for ttl in ("0", "21601", "soon"):
        assert ask(wired, one, "/latest/api/token", "PUT", token_ttl_seconds=ttl).status == 400
    forwarded = Question(method="PUT", path="/latest/api/token", headers={**TTL, "x-forwarded-for": "192.0.2.1"})
    assert wired.hypervisor.answer(one, forwarded).status == 403
    brief = token(wired, one, "1")
    assert ask(wired, one, "/latest/meta-data/instance-id", token=brief).status == 200
    until(lambda: ask(wired, one, "/latest/meta-data/instance-id", token=brief).status == 401, 10)


def test_it_is_as_the_instances_options_say(wired: Wired) -> None:
    ec2, one = wired.ec2, launched(wired)
    ec2.modify_instance_metadata_options(InstanceId=one, HttpTokens="optional", HttpPutResponseHopLimit=2)
    assert ask(wired, one, "/latest/meta-data/instance-id").body.decode() == one
    assert ask(wired, one, "/latest/api/token", "PUT", token_ttl_seconds="60").hops == 2
    ec2.create_tags(Resources=[one], Tags=[{"Key": "Name", "Value": "box"}])
    assert ask(wired, one, "/latest/meta-data/tags/instance/Name").status == 404
    ec2.modify_instance_metadata_options(InstanceId=one, InstanceMetadataTags="enabled")
    assert ask(wired, one, "/latest/meta-data/tags/instance/Name").body == b"box"
    ec2.modify_instance_metadata_options(InstanceId=one, HttpEndpoint="disabled")
    for method, path in (("GET", "/latest/meta-data/"), ("PUT", "/latest/api/token")):
        assert ask(wired, one, path, method, token_ttl_seconds="60").status == 403


def request_of(ec2: Any, instance: str) -> tuple[str, str]:
    identifier = show(ec2, instance)["SpotInstanceRequestId"]
    (row,) = ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[identifier])["SpotInstanceRequests"]
    return row["State"], row["Status"]["Code"]


def test_a_spot_instance_has_its_notice_and_is_then_taken(wired: Wired) -> None:
    ec2, mapping = wired.ec2, {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": False}}
    one = launched(wired, InstanceMarketOptions=SPOT, BlockDeviceMappings=[mapping])
    before = time.time()
    wired.cloud.interrupt(one, rebalance=True)
    told = json.loads(read(wired, one, "events/recommendations/rebalance")[1])
    assert before - 1 <= moment(told["noticeTime"]) <= time.time()
    assert read(wired, one, "spot/instance-action")[0] == 404
    assert request_of(ec2, one) == ("active", "fulfilled")

    wired.cloud.advance(3600)
    before = time.time()
    wired.cloud.interrupt(one, 30)
    action = json.loads(read(wired, one, "spot/instance-action")[1])
    assert action["action"] == "terminate"
    # By the clock of the box, whatever the cloud's says.
    assert before + 29 <= moment(action["time"]) <= time.time() + 30
    assert read(wired, one, "spot/termination-time") == (200, action["time"])
    assert request_of(ec2, one) == ("active", "marked-for-termination")
    assert show(ec2, one)["State"]["Name"] == "running"
    with pytest.raises(RehearsalError, match="has its notice already"):
        wired.cloud.interrupt(one, 3)

    wired.cloud.advance(30)
    assert request_of(ec2, one) == ("closed", "instance-terminated-no-capacity")
    taken = show(ec2, one)
    assert taken["State"]["Name"] == "terminated"
    assert taken["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert taken["StateTransitionReason"] == "Server.SpotInstanceTermination"
    assert wired.hypervisor.names()[-3:] == ["stop", "detach", "terminate"]
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert (volume["Size"], volume["State"], volume["Attachments"]) == (1, "available", [])


def moment(text: str) -> float:
    import calendar

    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def test_a_price_may_be_the_cause_and_what_ended_before_stays_as_it_is(wired: Wired) -> None:
    ec2 = wired.ec2
    dear, gone = (launched(wired, InstanceMarketOptions=SPOT) for _ in range(2))
    wired.cloud.interrupt(dear, 0, cause="by-price")
    until(lambda: request_of(ec2, dear) == ("closed", "instance-terminated-by-price"), 5)
    wired.cloud.interrupt(gone)
    ec2.terminate_instances(InstanceIds=[gone])
    wired.cloud.advance(120)
    assert request_of(ec2, gone) == ("closed", "instance-terminated-by-user")


def test_what_ec2_does_not_take_is_refused(wired: Wired) -> None:
    for instance in (launched(wired), "i-0absent"):
        with pytest.raises(RehearsalError, match="no running spot instance"):
            wired.cloud.interrupt(instance)
    with pytest.raises(RehearsalError, match="no cause of an interruption"):
        wired.cloud.interrupt(launched(wired, InstanceMarketOptions=SPOT), cause="bad weather")
