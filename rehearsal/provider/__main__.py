"""Serve the plugin until the engine is done: `python -m rehearsal.provider [engine address]` prints its port."""

from __future__ import annotations

import os
import signal
import sys
from concurrent import futures

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from rehearsal.provider.server import Provider

_THREADS = 32
_LARGEST_MESSAGE = 1 << 28
"""Bytes; as much as engines themselves allow."""
_PARENT_CHECK_S = 1.0
_GRACE_S = 600.0
"""How long operations under way may take to end; an engine with less patience kills."""
_GOODBYES = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Print the port as the plugin protocol wants it, then serve."""
    # Ctrl-C reaches the whole terminal, and a creation under way must not lose its id: signals are waited for, below.
    signal.pthread_sigmask(signal.SIG_BLOCK, _GOODBYES)
    parent = os.getppid()
    server = grpc.server(
        futures.ThreadPoolExecutor(_THREADS),
        options=[("grpc.max_receive_message_length", _LARGEST_MESSAGE), ("grpc.so_reuseport", 0)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while signal.sigtimedwait(_GOODBYES, _PARENT_CHECK_S) is None:
        # An engine that was killed says no goodbye, and what it started must not stay behind.
        if len(sys.argv) > 1 and os.getppid() != parent:
            break
    server.stop(_GRACE_S).wait()


if __name__ == "__main__":
    main()
