"""`python -m rehearsal.cloud`: the daemon's arguments and its life from lock to close."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.cloud import state as folder
from rehearsal.errors import RehearsalError
from rehearsal.hypervisor import NoMachines
from rehearsal.standins import serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearsal.hypervisor import Hypervisor

CALLER = "198.18.0.1"
"""Who calls a cloud without boxes, as it says itself: an address that could be anybody's, as a loopback one is not."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until told to stop; exit code 0 after SIGTERM or SIGINT, 1 with one line where it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.cloud", description="the AWS API of the rehearsal")
    parser.add_argument("--state", type=Path, required=True, help="folder of this cloud's files")
    parser.add_argument("--no-boxes", action="store_true", help="the API alone: instances boot nothing")
    parser.add_argument(
        "--sources", choices=("standins", "upstream"), default="standins", help="where boxes get their sources"
    )
    arguments = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with folder.hold(arguments.state.resolve()):
            run(arguments, stop)
    except RehearsalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def run(arguments: argparse.Namespace, stop: threading.Event) -> None:
    """Answer requests until `stop` is set; RehearsalError where this machine does not allow it."""
    # Imported once the folder is held: a second start is refused at once. Without the garbage collector, which would
    # walk moto's large tables again and again, the import takes half its time.
    gc.disable()
    from rehearsal.cloud.application import build  # noqa: PLC0415
    from rehearsal.cloud.buckets import OfS3  # noqa: PLC0415
    from rehearsal.cloud.server import listen  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    state = arguments.state.resolve()
    hypervisor = machine_room(state, boxes=not arguments.no_boxes)
    try:
        facts = hypervisor.facts()
        sources = extra_services(state, facts, arguments.sources)
        front = build(state, hypervisor, caller=facts.get("caller", CALLER))
        servers = [listen(front)]
        endpoint = f"http://127.0.0.1:{servers[0].server_port}"
        published = {"pid": os.getpid(), "endpoint": endpoint, "boxes": facts, "sources": sources}
        if facts:
            servers.append(listen(OfS3(front), facts["caller"]))
            published["s3"] = f"http://{facts['caller']}:{servers[1].server_port}"
        threads = [threading.Thread(target=server.serve_forever, args=(0.1,), name="api") for server in servers]
        for thread in threads:
            thread.start()
        folder.publish(state, published)
        print(f"ready: {endpoint} ({'with' if facts else 'without'} boxes), state in {state}", flush=True)
        stop.wait()
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
    finally:
        hypervisor.close()


def machine_room(state: Path, *, boxes: bool) -> Hypervisor:
    """Return what boots instances; CannotBoot where boxes are wanted and this machine cannot have them."""
    if not boxes:
        return NoMachines()
    from rehearsal.boxes import Boxes  # noqa: PLC0415 - what it needs is there only where boxes are wanted

    return Boxes(state, announce=lambda line: print(line, flush=True))


def extra_services(state: Path, facts: dict[str, Any], sources: str) -> dict[str, Any]:
    """Start what boxes fetch their sources from, where there are boxes; return where it answers, for `cloud.json`."""
    return serve.start(state, facts, sources) if facts else {}


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # all is given back; taking moto's tables apart would last longer than the start did
