"""The plugin's side of `pulumirpc.ResourceProvider`: requests in, the resource types at work, answers out."""

# ruff: noqa: N802, ARG002 - the protocol names the methods, and gives each two arguments
from __future__ import annotations

import functools
import importlib.metadata
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from rehearsal.provider import config, credentials, lifecycle, wire
from rehearsal.provider.aws import Aws, Connection, ProviderError
from rehearsal.provider.catalogue import KINDS
from rehearsal.provider.check import Request, check
from rehearsal.provider.compare import changes, expected_outputs
from rehearsal.provider.lookups import LOOKUPS
from rehearsal.provider.model import Item
from rehearsal.provider.schema import schema

if TYPE_CHECKING:
    from rehearsal.provider.compare import Change
    from rehearsal.provider.model import Kind

Handler = Callable[["Provider", Any, grpc.ServicerContext], Any]
_PARTIAL = grpc.StatusCode.UNKNOWN


def _answers(handler: Handler) -> Handler:
    """Turn the errors of a handler into the statuses that an engine understands."""

    @functools.wraps(handler)
    def answered(self: Provider, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return handler(self, request, context)
        except lifecycle.PartialFailure as error:
            context.set_trailing_metadata((("grpc-status-details-bin", _details(error)),))
            context.abort(_PARTIAL, str(error))
        except ProviderError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return answered


def _details(error: lifecycle.PartialFailure) -> bytes:
    """Return the status by which an engine learns of a resource that exists unfinished."""
    failure = provider_pb2.ErrorResourceInitFailed(
        id=error.reached.id,
        properties=wire.pack(error.reached.outputs),
        inputs=wire.pack(error.reached.inputs),
        reasons=[str(error)],
    )
    status = status_pb2.Status(code=_PARTIAL.value[0], message=str(error))
    status.details.add().Pack(failure)
    encoded: bytes = status.SerializeToString()
    return encoded


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider, from Configure to the end of its process."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Say that secrets, resources and outputs are to come as plain values; an engine marks what it gets back."""
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Give the version of the SDK that this stands in for."""
        return plugin_pb2.PluginInfo(version=_version())

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Give the types, by which `pulumi import` writes a program's lines."""
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema(_version())))

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Refuse settings that are unknown or malformed."""
        problems = config.problems(wire.plain(request.news), os.environ)
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(problems))

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Replace the provider, and with it all that it made, when it moves to another region."""
        old, new = wire.plain(request.old_inputs) or wire.plain(request.olds), wire.plain(request.news)
        diffs = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        some = provider_pb2.DiffResponse.DIFF_SOME if diffs else provider_pb2.DiffResponse.DIFF_NONE
        replaces = [key for key in diffs if key == "region" and key in old]
        return provider_pb2.DiffResponse(changes=some, diffs=diffs, replaces=replaces)

    @_answers
    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Keep the settings; roles and the account are looked at now, other clients made when the first call is."""
        values = wire.plain(request.args)
        problems = config.problems(values, os.environ)
        if problems:
            raise ProviderError("; ".join(f"aws:{key} {why}" for key, why in problems))
        self._connection = Connection(config.settings(values, os.environ))
        if self._connection.settings.account.keys() & credentials.LOOKED_AT:
            try:
                self._connection.session  # noqa: B018 - made here, where it may be refused
            except credentials.Refused as error:
                raise ProviderError(str(error)) from error
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Stop waiting; calls that AWS has begun are let through, so that no id is lost."""
        if self._connection:
            self._connection.cancelled.set()
        return empty_pb2.Empty()

    @_answers
    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Look something up."""
        if request.tok not in LOOKUPS:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, _refusal("function", request.tok))
        look_up, known = LOOKUPS[request.tok]
        args = wire.plain(request.args)
        if unknown := sorted(args.keys() - known):
            raise ProviderError(f"invoking {request.tok}: the stand-in provider knows no argument {', '.join(unknown)}")
        if missing := sorted({*known} - args.keys() - {"filters", "mostRecent"}):
            raise ProviderError(f"invoking {request.tok}: the stand-in provider needs {', '.join(missing)}")
        try:
            found = look_up(self._aws(), args)
        except ProviderError as error:
            raise ProviderError(f"invoking {request.tok}: {error}") from error
        return provider_pb2.InvokeResponse(**{"return": wire.pack(found)})

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Complete the inputs, or say everything that is wrong with them."""
        wanted = Request(
            kind=_kind(request.urn, context),
            name=request.urn.split("::", 3)[3],
            news=wire.plain(request.news),
            olds=wire.plain(request.olds),
            seed=request.randomSeed,
            settings=self._connection.settings if self._connection else config.Settings(region=""),
        )
        inputs, problems = check(wanted)
        return provider_pb2.CheckResponse(inputs=wire.pack(inputs), failures=_failures(problems))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell what differs, and whether that takes a new resource."""
        kind, news = _kind(request.urn, context), wire.plain(request.news)
        olds = wire.plain(request.old_inputs) or wire.plain(request.olds)
        found = changes(kind, olds, news, request.ignoreChanges)
        replaces = sorted({change.property for change in found if change.replaces})
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted({change.property for change in found}),
            replaces=replaces,
            detailedDiff={change.path: _property_diff(change) for change in found},
            hasDetailedDiff=True,
        )

    @_answers
    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make a resource, or in a preview tell what it would look like."""
        kind, inputs = _kind(request.urn, context), wire.plain(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=wire.pack(expected_outputs(kind, inputs)))
        made = lifecycle.create(kind, self._aws(request.timeout), inputs)
        return provider_pb2.CreateResponse(id=made.id, properties=wire.pack(made.outputs))

    @_answers
    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Tell how a resource is now; no id says that it is gone."""
        kind, inputs = _kind(request.urn, context), wire.plain(request.inputs)
        item = Item(request.id, {**wire.plain(request.properties), **inputs})
        found = lifecycle.read(kind, self._aws(), item, inputs)
        if found is None:
            return provider_pb2.ReadResponse()
        packed = {"properties": wire.pack(found.outputs), "inputs": wire.pack(found.inputs)}
        return provider_pb2.ReadResponse(id=found.id, **packed)

    @_answers
    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Change a resource in place, or in a preview tell what it would look like."""
        kind, news, olds = _kind(request.urn, context), wire.plain(request.news), wire.plain(request.olds)
        before = wire.plain(request.old_inputs) or olds
        if request.preview:
            touched = {change.property for change in changes(kind, before, news, request.ignoreChanges)}
            unsettled = {name for cause in touched for name in kind.unsettled_by.get(cause, ())}
            kept = {name: olds[name] for name in kind.outputs if name in olds and name not in unsettled}
            kept |= {name: olds[name] for name, field in kind.fields.items() if field.computed and name in olds}
            expected = expected_outputs(kind, {**kept, **news})
            return provider_pb2.UpdateResponse(properties=wire.pack(expected))
        item = Item(request.id, news, before)
        made = lifecycle.update(kind, self._aws(request.timeout), item, request.ignoreChanges)
        return provider_pb2.UpdateResponse(properties=wire.pack(made.outputs))

    @_answers
    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Delete a resource; it is gone when this returns."""
        kind = _kind(request.urn, context)
        item = Item(request.id, {**wire.plain(request.properties), **wire.plain(request.old_inputs)})
        lifecycle.delete(kind, self._aws(request.timeout), item)
        return empty_pb2.Empty()

    def _aws(self, patience_s: float = 0) -> Aws:
        if self._connection is None:
            raise ProviderError("the provider was asked to work before it was configured")
        return Aws(self._connection, patience_s or None)


def _version() -> str:
    return importlib.metadata.version("pulumi-aws")


def _refusal(what: str, token: str) -> str:
    return f"the stand-in provider has no {what} {token}; the official pulumi-aws has it"


def _kind(urn: str, context: grpc.ServicerContext) -> Kind:
    # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
    token = urn.split("::", 3)[2].rpartition("$")[2]
    if token not in KINDS:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, _refusal("resource type", token))
    return KINDS[token]


def _failures(problems: list[tuple[str, str]]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in problems]


def _property_diff(change: Change) -> Any:
    verb = change.verb + ("_REPLACE" if change.replaces else "")
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(verb), inputDiff=True)
