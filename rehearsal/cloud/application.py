"""The cloud as one WSGI application: moto, repaired and wired to a machine room, behind the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2 import ec2_backends
from moto.server import DomainDispatcherApplication, create_backend_app

from rehearsal.cloud import clock, price_list, repairs, wiring
from rehearsal.cloud.calls import CallLog
from rehearsal.cloud.machines import Machines
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
    machines = Machines(hypervisor)
    moto = DomainDispatcherApplication(create_backend_app)

    def aws(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if price_list.is_meant(environ):
            return price_list.answer(environ, start_response)
        with wiring.serving(machines):
            answer: Iterable[bytes] = moto(environ, start_response)
            return answer

    def powered_off(instance_id: str) -> None:
        with wiring.serving(machines):
            for regions in ec2_backends.values():
                for backend in regions.values():
                    instance = backend.get_instance_by_id(instance_id)
                    if instance is not None:
                        machines.powered_off(instance)

    hypervisor.watch(powered_off)
    time = clock.start(lambda: wiring.serving(machines))
    return Front(aws, CallLog(state / "calls.jsonl"), time, caller=caller)
