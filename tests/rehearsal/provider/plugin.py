"""An engine's side of the plugin protocol, as thin as it can be: a real process, a real gRPC channel, plain values."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2

from rehearsal.provider.wire import pack, plain

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[3]
Values = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Resource:
    """A resource as an engine's state keeps it."""

    token: str
    id: str
    inputs: Values
    outputs: Values

    @property
    def urn(self) -> str:
        return urn(self.token)


@dataclasses.dataclass(frozen=True)
class Diff:
    some: bool
    replaces: set[str]
    paths: dict[str, str]
    delete_before_replace: bool


def urn(token: str, name: str = "box") -> str:
    return f"urn:pulumi:dev::gpurig::gpurig:infra:Thing${token}::{name}"


class Plugin:
    """A plugin process with a channel to it."""

    def __init__(self, env: dict[str, str], **config: Any) -> None:
        command = [sys.executable, "-m", "rehearsal.provider", "127.0.0.1:1"]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.configure(**config)

    def configure(self, **config: Any) -> Any:
        return self.stub.Configure(pb.ConfigureRequest(args=pack(config), acceptSecrets=True))

    def close(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def check(self, token: str, news: Values, olds: Values | None = None, *, name: str = "box") -> Any:
        request = pb.CheckRequest(urn=urn(token, name), news=pack(news), olds=pack(olds or {}), randomSeed=b"seed")
        return self.stub.Check(request)

    def checked(self, token: str, news: Values, olds: Values | None = None, *, name: str = "box") -> Values:
        answer = self.check(token, news, olds, name=name)
        assert not answer.failures, [(one.property, one.reason) for one in answer.failures]
        return plain(answer.inputs)

    def refusals(self, token: str, news: Values) -> dict[str, str]:
        return {one.property: one.reason for one in self.check(token, news).failures}

    def create(self, token: str, news: Values, *, name: str = "box") -> Resource:
        inputs = self.checked(token, news, name=name)
        made = self.stub.Create(pb.CreateRequest(urn=urn(token, name), properties=pack(inputs)))
        return Resource(token, made.id, inputs, plain(made.properties))

    def preview(self, token: str, news: Values) -> Values:
        inputs = self.checked(token, news)
        return plain(
            self.stub.Create(pb.CreateRequest(urn=urn(token), properties=pack(inputs), preview=True)).properties
        )

    def read(self, resource: Resource) -> Resource:
        known = {"properties": pack(resource.outputs), "inputs": pack(resource.inputs)}
        found = self.stub.Read(pb.ReadRequest(id=resource.id, urn=resource.urn, **known))
        return Resource(resource.token, found.id, plain(found.inputs), plain(found.properties))

    def diff(self, resource: Resource, news: Values, ignored: Iterable[str] = ()) -> Diff:
        known = {"olds": pack(resource.outputs), "old_inputs": pack(resource.inputs), "news": pack(news)}
        found = self.stub.Diff(pb.DiffRequest(id=resource.id, urn=resource.urn, ignoreChanges=ignored, **known))
        paths = {path: pb.PropertyDiff.Kind.Name(one.kind) for path, one in found.detailedDiff.items()}
        assert (found.changes == pb.DiffResponse.DIFF_SOME) == bool(paths)
        return Diff(bool(paths), set(found.replaces), paths, found.deleteBeforeReplace)

    def update(self, resource: Resource, news: Values, *, preview: bool = False) -> Resource:
        known = {"olds": pack(resource.outputs), "old_inputs": pack(resource.inputs), "news": pack(news)}
        made = self.stub.Update(pb.UpdateRequest(id=resource.id, urn=resource.urn, preview=preview, **known))
        return Resource(resource.token, resource.id, news, plain(made.properties))

    def delete(self, resource: Resource, *, timeout: float = 0) -> None:
        known = {"properties": pack(resource.outputs), "old_inputs": pack(resource.inputs)}
        self.stub.Delete(pb.DeleteRequest(id=resource.id, urn=resource.urn, timeout=timeout, **known))

    def invoke(self, token: str, **args: Any) -> Values:
        return plain(getattr(self.stub.Invoke(pb.InvokeRequest(tok=token, args=pack(args))), "return"))

    def cancel(self) -> None:
        self.stub.Cancel(empty_pb2.Empty())


def partial_failure(error: grpc.RpcError) -> Any:
    """Return the resource that an error says exists unfinished, None where it says no such thing."""
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if details is None:
        return None
    failure = pb.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(details).details[0].Unpack(failure)
    return failure
