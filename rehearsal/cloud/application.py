"""The cloud as one WSGI application: moto, repaired and wired to a machine room, behind the front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2 import ec2_backends
from moto.server import DomainDispatcherApplication, create_backend_app

from rehearsal.cloud import buckets, clock, inside, price_list, quotas, repairs, wiring
from rehearsal.cloud.calls import CallLog
from rehearsal.cloud.interruptions import Interruptions
from rehearsal.cloud.machines import Machines
from rehearsal.cloud.metadata import Metadata
from rehearsal.cloud.server import Front

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from rehearsal.hypervisor import Hypervisor


def build(state: Path, hypervisor: Hypervisor, *, caller: str) -> Front:
    """Return the application; `caller` is this machine's address as the boxes see it."""
    repairs.apply()
    wiring.connect()
    quotas.reset()
    machines = Machines(hypervisor)
    moto = DomainDispatcherApplication(create_backend_app)

    def aws(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if price_list.is_meant(environ):
            return price_list.answer(environ, start_response)
        if refusal := buckets.refusal(environ):
            return refusal(environ, start_response)
        with wiring.serving(machines):
            answer: Iterable[bytes] = moto(environ, start_response)
            return answer

    def powered_off(instance_id: str) -> None:
        with wiring.serving(machines):
            instance = _instance(instance_id)
            if instance is not None:
                machines.powered_off(instance)

    interruptions = Interruptions(_instance)
    metadata = Metadata(interruptions)
    hypervisor.watch(powered_off)
    hypervisor.serve_metadata(lambda instance_id, question: metadata.answer(_instance(instance_id), question))
    time = clock.start(lambda: wiring.serving(machines))
    for source in repairs.sources():
        time.ask(source)
    controls = {"interrupt": interruptions.interrupt, **repairs.controls()}
    front = Front(aws, CallLog(state / "calls.jsonl"), time, caller=caller, controls=controls)
    inside.serve(front)
    return front


def _instance(instance_id: str) -> Any:
    """Return moto's record of an instance, whatever its account and region; None where there is none."""
    backends = (backend for regions in ec2_backends.values() for backend in regions.values())
    found = (backend.get_instance_by_id(instance_id) for backend in backends)
    return next((instance for instance in found if instance is not None), None)
