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

import pulumi
import pytest
from google.protobuf import json_format
from pulumi.runtime import mocks, rpc, stack
from pulumi.runtime.settings import SETTINGS

from provision.model.host import Host
from tests.infra.aws import REGION, Aws
from tests.kit.user_data import opened

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "__main__.py"
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
    """What a run of a program declared, exported and said; what does not wait for each other in any order."""

    declared: list[Declared]
    outputs: dict[str, Any]
    messages: list[str]
    asked: list[mocks.MockCallArgs]

    def all(self, type_: str) -> list[Declared]:
        """Return the resources of a type, by the last part of its token."""
        return [resource for resource in self.declared if resource.type.endswith(f":{type_}")]

    def only(self, type_: str) -> Declared:
        """Return the only resource of a type."""
        (resource,) = self.all(type_)
        return resource

    def hosts(self) -> list[Host]:
        """Return the hosts of the output `gpurig`."""
        return [Host.from_document(row) for row in self.outputs["gpurig"]["hosts"]]

    def instance(self, name: str) -> dict[str, Any]:
        """Return the inputs of a box's instance."""
        (found,) = [box.inputs for box in self.all("Instance") if box.inputs["tags"]["Name"] == name]
        return found

    def bundle(self, name: str = "box") -> dict[str, Any]:
        """Return the bundle that a box gets with its user-data."""
        packed = base64.b64decode(self.instance(name)["userDataBase64"])
        document: dict[str, Any] = opened(gzip.decompress(packed).decode())[-1]
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
    monitor, messages = Recorder(aws), _Messages()
    logger = logging.Logger("pulumi program")  # noqa: LOG001 - of its own, so that no test hears another's messages
    logger.addHandler(messages)
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
    return Run(declared=monitor.declared, outputs=monitor.outputs, messages=messages.texts, asked=aws.asked)


def refused(changes: dict[str, str], *, aws: Aws | None = None) -> str:
    """Return the message of a run that is refused with these changes of `GOOD`; their keys may leave out `gpurig:`."""
    full = {key if ":" in key else f"gpurig:{key}": value for key, value in changes.items()}
    with pytest.raises(pulumi.RunError) as caught:
        run({**GOOD, **full}, aws=aws)
    return str(caught.value)


def as_given(value: object) -> str:
    """Return a value of a YAML file as Pulumi hands it to the program: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


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
