"""The two gRPC services that a Pulumi program talks to: ResourceMonitor and Engine."""

from __future__ import annotations

import traceback
from concurrent import futures
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    resource_pb2,
    resource_pb2_grpc,
)

from rehearsal.engine.builtin import GET_RESOURCE, get_resource
from rehearsal.engine.errors import EngineError, Stopped, Unsupported
from rehearsal.engine.goal import Goal
from rehearsal.engine.plugin import UNLIMITED
from rehearsal.engine.wire import UNKNOWN, from_struct, to_struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.engine.display import Display
    from rehearsal.engine.registration import Registrations

_THREADS = 128
"""More than a program has calls in flight: a call that waits for another one must not keep it from starting."""
_FEATURES = (resource_pb2.RESOURCE_MONITOR_FEATURE_SECRETS, resource_pb2.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS)
"""Both to be refused by name: without them the SDK would send secrets in clear, and aliases under another field."""
_SEVERITIES = {engine_pb2.INFO: "info", engine_pb2.WARNING: "warning", engine_pb2.ERROR: "error"}


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Registers resources and invokes functions for the program."""

    def __init__(self, registrations: Registrations) -> None:
        self._registrations = registrations
        self._steps = registrations.steps

    def GetDeploymentInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Say what this monitor can do; the SDK refuses the rest by itself."""
        names = self._registrations.names
        return resource_pb2.DeploymentInfo(
            project=names.project,
            stack=names.stack,
            organization="organization",
            dryRun=self._steps.preview,
            supportedFeatures=_FEATURES,
        )

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Make one resource what the program says it is; answer when it is so."""
        new = self._guarded(context, request.name, lambda: self._registrations.register(Goal.of(request)))
        return resource_pb2.RegisterResourceResponse(urn=new.urn, id=new.id, object=to_struct(new.outputs))

    def ReadResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Look up an object that is not managed here."""
        if request.id == UNKNOWN:  # in a preview: the SDK takes what is missing for unknown
            urn = self._registrations.names.urn(request.type, request.name, request.parent)
            return resource_pb2.ReadResourceResponse(urn=urn)
        goal = Goal(
            type=request.type,
            name=request.name,
            parent=request.parent,
            inputs=from_struct(request.properties),
            dependencies=tuple(sorted(request.dependencies)),
            provider=request.provider,
            version=request.version,
        )
        new = self._guarded(context, request.name, lambda: self._registrations.read(goal, request.id))
        return resource_pb2.ReadResourceResponse(urn=new.urn, id=new.id, properties=to_struct(new.outputs))

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Note the outputs of a component."""
        self._guarded(
            context, request.urn, lambda: self._registrations.outputs(request.urn, from_struct(request.outputs))
        )
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Call a function of a provider."""
        answer = self._guarded(context, request.tok, lambda: self._invoke(request))
        if answer is None:
            return resource_pb2.ResourceInvokeResponse(unknown=True)
        failures = [provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in answer.failures]
        return resource_pb2.ResourceInvokeResponse(**{"return": getattr(answer, "return"), "failures": failures})

    def _invoke(self, request: Any) -> Any:
        reference = self._registrations.provider_for(request.tok, request.provider, request.version)
        provider = self._registrations.providers.of(reference)
        if request.tok == GET_RESOURCE:
            return get_resource(from_struct(request.args), self._registrations.news)
        return provider.invoke(request.tok, from_struct(request.args), preview=self._steps.preview)

    def SignalAndWaitForShutdown(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Let the program end: no step here ever needs to call it back."""
        return empty_pb2.Empty()

    def _guarded(self, context: Any, what: str, work: Callable[[], Any]) -> Any:
        """Do the work of one call; after the end was decided, the program learns no more than that."""
        try:
            if self._steps.stopped:
                raise Stopped  # noqa: TRY301  one way to end, whoever noticed
            return work()
        except Stopped:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the deployment has stopped")
        except EngineError as error:  # the program's own business: an invoke that failed, an option refused
            context.abort(grpc.StatusCode.UNKNOWN, f"{what}: {error}" if isinstance(error, Unsupported) else str(error))
        except Exception:  # noqa: BLE001  a fault of this engine must be seen, and must not hang the program
            self._steps.fail("", f"the stand-in engine failed on {what}:\n{traceback.format_exc()}")
            context.abort(grpc.StatusCode.UNAVAILABLE, "the deployment has stopped")


class Engine(engine_pb2_grpc.EngineServicer):
    """Takes the log of the program and of the plugins."""

    def __init__(self, display: Display, stopped: Callable[[], bool]) -> None:
        self._display = display
        self._stopped = stopped
        self._root = ""

    def Log(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Show a message; once the end was decided, the program's complaints about that are not shown."""
        severity = _SEVERITIES.get(request.severity)
        if severity and not request.ephemeral and not self._stopped():
            self._display.message(request.urn, severity, request.message)
        return empty_pb2.Empty()

    def GetRootResource(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Give the URN of the stack's resource."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(self, request: Any, _context: Any) -> Any:  # noqa: N802
        """Note the URN of the stack's resource."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()


class Server:
    """One gRPC server; its address is known before there is anything to serve, for plugins ask for it first."""

    def __init__(self) -> None:
        self._server = grpc.server(futures.ThreadPoolExecutor(_THREADS), options=UNLIMITED)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def start(self, engine: Engine, monitor: Monitor | None = None) -> None:
        """Serve."""
        engine_pb2_grpc.add_EngineServicer_to_server(engine, self._server)
        if monitor is not None:
            resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, self._server)
        self._server.start()

    def stop(self) -> None:
        """End, without waiting for anyone."""
        self._server.stop(grace=None)
