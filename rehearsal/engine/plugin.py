"""The process of a provider plugin, and calls to it."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2

from rehearsal.engine.errors import EngineError, ProviderError
from rehearsal.engine.wire import from_struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.engine.wire import Properties

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class PartlyCreated(ProviderError):
    """The object exists but is not well: it has to be remembered, and the step has failed."""

    def __init__(self, reasons: list[str], ident: str, outputs: Properties) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = tuple(reasons)
        self.ident = ident
        self.outputs = outputs


class Plugin:
    """A running plugin process, found on PATH."""

    def __init__(self, package: str, engine_address: str, log: Callable[[str], None]) -> None:
        self.package = package
        self._log = log
        port = self._start(engine_address)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=UNLIMITED)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def _start(self, engine_address: str) -> int:
        name = f"pulumi-resource-{self.package}"
        path = shutil.which(name)
        if path is None:
            raise EngineError(f"no resource plugin '{name}' found on your $PATH; install it, or its stand-in")
        # Its own process group: Ctrl-C at the terminal is for the engine, which lets running steps end. Its standard
        # input closes when the engine is gone, even killed; a plugin that reads it ends then too.
        self._process = subprocess.Popen(
            [path, engine_address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        printed = []
        for line in self._process.stdout or ():
            if line.strip().isdigit():
                threading.Thread(target=self._pump, daemon=True).start()
                return int(line)
            printed.append(line)
        raise EngineError(f"the plugin {path} ended before it gave its port:\n{''.join(printed)}")

    def _pump(self) -> None:
        for line in self._process.stdout or ():
            self._log(line.rstrip("\n"))

    def call(self, method: str, request: Any) -> Any:
        """Make one call; raise ProviderError with the provider's own words."""
        try:
            return getattr(self._stub, method)(request)
        except grpc.RpcError as error:
            raise _converted(error, self.package) from None

    def close(self) -> None:
        """End the process."""
        self._channel.close()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cancel(self) -> None:
        """Ask the provider to end what it is doing, as far as it can."""
        with contextlib.suppress(ProviderError):
            self.call("Cancel", empty_pb2.Empty())


def _converted(error: Any, package: str) -> ProviderError:
    """Turn a gRPC error into ours; an object that was made all the same comes in its details."""
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return ProviderError(f"the {package} plugin is gone: {error.details()}")
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                failed = pb.ErrorResourceInitFailed()
                if detail.Unpack(failed):
                    return PartlyCreated(list(failed.reasons), failed.id, from_struct(failed.properties))
    return ProviderError(error.details() or str(error.code()))
