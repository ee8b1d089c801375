"""Run a Pulumi program of this repository in the process of the test, with the SDK's mocks in place of engine and AWS.

The monitor keeps every request whole, so that resource options (ignoreChanges, retainOnDelete, …) can be asserted too,
which `pulumi.runtime.Mocks` alone does not show.
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import dataclasses
import gzip
import json
import logging
import os
import runpy
import unittest.mock
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks, rpc, stack
from pulumi.runtime.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "__main__.py"
REGION = "us-east-1"
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
PUBLIC_KEY = (
    "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode() + " me@laptop"
)
LICENCES = "nvidia-cuda,nvidia-cudnn"
GOOD = {
    "aws:region": REGION,
    "gpurig:sshPublicKey": PUBLIC_KEY,
    "gpurig:allowedCidrs": "203.0.113.7/32",
    "gpurig:acceptLicences": LICENCES,
}
"""The least that a working stack sets."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource as the program registered it."""

    type: str
    name: str
    inputs: dict[str, Any]
    options: Any
    """The whole RegisterResourceRequest."""


class NotAnswered(grpc.RpcError):  # type: ignore[misc]  # grpc comes without types
    """What the engine answers where a look-up fails."""

    def code(self) -> grpc.StatusCode:
        """Return the code that a provider's error has."""
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        """Return the provider's words."""
        return str(self.args[0])


@dataclasses.dataclass(kw_only=True)
class Aws(mocks.Mocks):
    """Enough of AWS for the program's look-ups; a resource's outputs are its inputs and what AWS would add."""

    instance_types: dict[str, list[dict[str, Any]]] = dataclasses.field(default_factory=dict)
    """Types that EC2 describes → their GPUs."""
    offered_in: tuple[str, ...] = ZONES
    snapshots: tuple[str, ...] = ()
    volume_zone: str = ""
    """Where the job volume has been all along; "": where the program wants it."""
    asked: list[mocks.MockCallArgs] = dataclasses.field(default_factory=list)

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]  # the base says tuple and takes both
        """Answer a look-up."""
        self.asked.append(args)
        return getattr(self, f"_{args.token.rpartition(':')[2]}")(args.args)  # type: ignore[no-any-return]

    def _getAvailabilityZones(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - the look-up's own name
        return {"names": [*ZONES, "us-east-1-atl-1a"]}

    def _getInstanceTypeOfferings(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"locations": list(self.offered_in)}

    def _getInstanceType(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = args["instanceType"]
        if name not in self.instance_types:
            raise NotAnswered(f"api error InvalidInstanceType: The following instance types do not exist: [{name}]")
        return {"gpuses": self.instance_types[name], "defaultVcpus": 8, "memorySize": 32768}

    def _getParameter(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"value": f"ami-of-{args['name'].split('/')[4]}"}

    def _getAmi(self, args: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"id": f"ami-of-{args['owners'][0]}"}

    def _getSnapshotIds(self, _: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        return {"ids": list(self.snapshots)}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Make up an id and the outputs."""
        added: dict[str, dict[str, Any]] = {
            "aws:ec2/instance:Instance": {"publicIp": "198.51.100.9", "availabilityZone": self.volume_zone or ZONES[0]},
            "aws:ebs/volume:Volume": {"availabilityZone": self.volume_zone or args.inputs.get("availabilityZone")},
            "aws:ec2/keyPair:KeyPair": {"keyName": f"{args.name}-1a2b3c4"},
            "aws:iam/role:Role": {"name": f"{args.name}-1a2b3c4"},
            "aws:iam/instanceProfile:InstanceProfile": {"name": f"{args.name}-1a2b3c4"},
        }
        prefix = {"aws:ebs/volume:Volume": "vol", "aws:ec2/instance:Instance": "i"}.get(args.typ, "id")
        return f"{prefix}-{args.name}", {**args.inputs, **added.get(args.typ, {})}


class Recorder(mocks.MockMonitor):
    """A mock monitor that keeps the requests and the stack's outputs."""

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self.declared: list[Declared] = []
        self.outputs: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        """Keep a resource."""
        inputs = rpc.deserialize_properties(request.object)
        self.declared.append(Declared(type=request.type, name=request.name, inputs=inputs, options=request))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        """Keep the outputs of the stack."""
        if "pulumi:pulumi:Stack" in request.urn:
            # Not by the SDK's own deserializer: it drops nulls, which the engine keeps.
            self.outputs = json_format.MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What a run of a program declared, exported and said."""

    declared: list[Declared]
    outputs: dict[str, Any]
    messages: list[str]
    asked: list[mocks.MockCallArgs]

    def all(self, type_: str) -> list[Declared]:
        """Return the resources of a type, by the last part of its token."""
        return [resource for resource in self.declared if resource.type.endswith(f":{type_}")]

    def one(self, type_: str) -> Declared:
        """Return the only resource of a type."""
        (resource,) = self.all(type_)
        return resource

    def bundle(self, host: int = 0) -> dict[str, Any]:
        """Return the bundle that a box gets with its user-data."""
        packed = base64.b64decode(self.all("Instance")[host].inputs["userDataBase64"])
        (line,) = [line for line in gzip.decompress(packed).decode().splitlines() if line.startswith("    {")]
        document: dict[str, Any] = json.loads(line)
        return document


class _Messages(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def run(config: dict[str, str], *, aws: Aws | None = None, program: Path = PROGRAM, project: str = "gpurig") -> Run:
    """Run a program to its end with a configuration; raises what it raises, `pulumi.RunError` for a refusal."""
    aws = aws or Aws()
    monitor, heard = Recorder(aws), _Messages()
    logger = logging.Logger("pulumi program")  # noqa: LOG001 - of its own, so that no test hears another's messages
    logger.addHandler(heard)
    settings = mocks.MockSettings(  # type: ignore[no-untyped-call]
        monitor=monitor,
        monitor_features=set(monitor.GetDeploymentInfo(None).supportedFeatures),  # type: ignore[no-untyped-call]
        engine=mocks.MockEngine(logger),
        project=project,
        stack="test",
        dry_run=False,
        organization=None,
        callbacks=None,
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with unittest.mock.patch.dict(os.environ, {**environment, "PULUMI_CONFIG": json.dumps(config)}, clear=True):
        # A context of its own: the SDK keeps settings, root resource and configuration in context variables.
        contextvars.copy_context().run(_run, program, config, settings)
    return Run(declared=monitor.declared, outputs=monitor.outputs, messages=heard.texts, asked=aws.asked)


def _run(program: Path, config: dict[str, str], settings: mocks.MockSettings) -> None:
    pulumi.runtime.set_all_config(config)
    pulumi.runtime.configure(settings)
    SETTINGS.outputs.clear()
    asyncio.run(_in_stack(program))


async def _in_stack(program: Path) -> None:
    # A refusal leaves outputs that nobody awaits; asyncio would report each when it is collected, in some later test.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    await stack.run_in_stack(lambda: _main(program))


def _main(program: Path) -> None:
    runpy.run_path(str(program), run_name="__main__")
