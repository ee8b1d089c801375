"""A cloud in the process of the test, with a recording hypervisor, and short ways to common things in it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud.handle import Cloud
from rehearsal.hypervisor import InstanceSpec, NoMachines, Question, Reply, Rule
from tests.kit.servers import serving

UBUNTU = "ami-0a220000020260901"


class Recorder(NoMachines):
    """A hypervisor that does nothing but remember; it fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.specs: list[InstanceSpec] = []
        self.fail: dict[str, Exception] = {}
        self.during: dict[str, Callable[[], Any]] = {}
        self.seen: list[Any] = []
        self.tell_power_off: Callable[[str], None] = print
        self.answer: Callable[[str, Question], Reply] = lambda *_: Reply(status=500, body=b"")
        for name in (
            *("stop", "start", "reboot", "terminate", "create_volume", "grow_volume", "delete_volume"),
            *("create_snapshot", "delete_snapshot", "attach", "detach", "create_image", "delete_image"),
        ):
            setattr(self, name, lambda *args, name=name: self._note(name, *args))

    def _note(self, name: str, *args: Any) -> None:
        self.calls.append((name, *args))
        if name in self.during:
            self.seen.append(self.during[name]())
        if name in self.fail:
            raise self.fail[name]

    def launch(self, spec: InstanceSpec) -> None:
        self.specs.append(spec)
        self._note("launch", spec.instance_id)

    def set_rules(self, instance_id: str, rules: tuple[Rule, ...]) -> None:
        self._note("set_rules", instance_id, rules)

    def console(self, instance_id: str) -> str:
        return f"console of {instance_id}\n"

    def watch(self, tell: Callable[[str], None]) -> None:
        self.tell_power_off = tell

    def serve_metadata(self, answer: Callable[[str, Question], Reply]) -> None:
        self.answer = answer

    def names(self) -> list[str]:
        """Return what was called, without arguments."""
        return [call[0] for call in self.calls]


@dataclasses.dataclass(frozen=True)
class Wired:
    """A cloud in this process and the hypervisor behind it."""

    cloud: Cloud
    hypervisor: Recorder

    @property
    def ec2(self) -> Any:
        """A client of its EC2."""
        return self.cloud.client("ec2")


@contextlib.contextmanager
def serve(state: Path) -> Iterator[Wired]:
    """Serve a cloud from a thread of the test, with a recording hypervisor; its resources are gone afterwards."""
    from rehearsal.cloud.application import build
    from rehearsal.cloud.server import listen

    hypervisor = Recorder()
    server = listen(build(state, hypervisor, caller="198.18.0.1"))
    with serving(server) as endpoint:
        yield Wired(Cloud(state=state, endpoint=endpoint, pid=os.getpid()), hypervisor)
        urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b"", timeout=10).close()  # noqa: S310 - http, on this machine


def as_user(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process's own AWS clients reach a cloud."""
    for name, value in cloud.env.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def tagged(kind: str, *, stack: str = "dev", host: str = "box", **more: str) -> list[dict[str, Any]]:
    """Return the tags of a stack's job volume for what is made of this kind, with others or more of them."""
    tags = {"project": "gpurig", "stack": stack, "stack-id": "0123456789ab", "host": host, "volume": "jobs", **more}
    return [{"ResourceType": kind, "Tags": [{"Key": f"gpurig:{key}", "Value": tags[key]} for key in tags]}]


def run(ec2: Any, **more: Any) -> dict[str, Any]:
    """Launch one instance and return it as DescribeInstances shows it."""
    instance = ec2.run_instances(
        **{"ImageId": UBUNTU, "InstanceType": "g5.xlarge", "MinCount": 1, "MaxCount": 1, **more}
    )["Instances"][0]
    return show(ec2, instance["InstanceId"])


def show(ec2: Any, instance_id: str) -> dict[str, Any]:
    """Return an instance as DescribeInstances shows it."""
    shown: dict[str, Any] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    return shown


def subnet(ec2: Any, zone: str = "us-east-1a") -> str:
    """Return the default subnet of a zone."""
    found = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": [zone]}])["Subnets"]
    identifier: str = found[0]["SubnetId"]
    return identifier


def group(ec2: Any, name: str = "box") -> str:
    """Create a security group in the default VPC."""
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    identifier: str = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    return identifier


def tcp(port: int, cidr: str) -> list[dict[str, Any]]:
    """Return a permission for one TCP port."""
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}]
