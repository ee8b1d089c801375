"""Instances and their boxes: what EC2 calls make of records, the hypervisor makes of machines."""

from __future__ import annotations

import base64
import contextlib
import copy
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import StateReason

from rehearsal.cloud import clock
from rehearsal.cloud.disks import Disks
from rehearsal.cloud.hooks import parameter
from rehearsal.cloud.rules import ingress
from rehearsal.hypervisor import InstanceSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.hypervisor import Hypervisor, Rule

CONSOLE_CHARACTERS = 64 * 1024
"""How much of its end EC2 keeps of a console."""


MEASURE_SECONDS = 0.5
"""How long a box is watched for how busy it is now."""
PRESENT_SECONDS = 10.0
"""How long that holds: a moved clock takes it for all the time that it leaves out."""


class Machines:
    """The boxes of one cloud; what switches one instance on or off never overlaps.

    The methods are hooks (see `rehearsal.cloud.wiring`): `proceed` changes moto's record, `response` is a request's,
    `instance` a record. They run after EC2's refusals, and the hypervisor's work is done before the record says so.
    """

    def __init__(self, hypervisor: Hypervisor) -> None:
        self.disks = Disks(hypervisor)
        self._hypervisor = hypervisor
        self._addresses: dict[str, str] = {}
        """Of every instance that has a box."""
        self._public: set[str] = set()
        """The instances that show their address."""
        self._rules: dict[str, tuple[Rule, ...]] = {}
        """What each box lets in, as the hypervisor was last told."""
        self._rules_lock = threading.Lock()
        self._copies: dict[str, threading.Thread] = {}
        """What keeps, or has kept, the bytes of each image made here."""
        self._cores: dict[str, tuple[float, float]] = {}
        """How many CPUs each box kept busy when it was watched last, and when that was."""
        self._busy: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def run_instances(self, proceed: Callable[[], Any], response: Any) -> Any:
        """Boot a box for each new instance; one that cannot boot is terminated and the call refused."""
        result = proceed()
        for instance in result.result.instances:
            with self._busy[instance.id]:
                if instance.state == "running" and instance.id not in self._addresses:
                    self._launch(instance)
        self._sync_rules(response.ec2_backend)
        return result

    def _launch(self, instance: Any) -> None:
        address = self._hypervisor.allocate_address()
        self._addresses[instance.id] = address
        nic = instance.nics[0]
        nic.public_ip_auto_assign = False  # moto would draw a new address at each start
        if nic.public_ip:
            nic.public_ip = address
            self._public.add(instance.id)
        key = instance.ec2_backend.key_pairs.get(instance.key_name)
        spec = InstanceSpec(
            instance_id=instance.id,
            image_id=instance.image_id,
            instance_type=instance.instance_type,
            public_ip=address,
            private_ip=instance.private_ip,
            user_data=base64.b64decode(str(instance.user_data)) if instance.user_data else b"",
            public_keys=(key.public_key.strip(),) if key else (),
            rules=ingress(instance),
        )
        try:
            self._hypervisor.launch(spec)
            self._rules[instance.id] = spec.rules
            self.disks.launched(instance)
        except Exception:
            instance.terminate()
            instance.state_reason = StateReason(
                "Server.InternalError: Internal error on launch", "Server.InternalError"
            )
            raise

    def stop(self, proceed: Callable[[], Any], instance: Any) -> Any:
        """Shut a box down; a stopped instance shows no public address."""
        with self._busy[instance.id]:
            before = copy.copy(instance.instance_state)
            if instance.state == "running":
                with _meanwhile(instance, "stopping", 64):
                    self._hypervisor.stop(instance.id)
            proceed()
            instance.nics[0].public_ip = None
            return before

    def start(self, proceed: Callable[[], Any], instance: Any) -> Any:
        """Boot a stopped box again, at a new address: EC2 takes the public one back with the stop."""
        with self._busy[instance.id]:
            before = copy.copy(instance.instance_state)
            if instance.state == "stopped":
                address = self._hypervisor.allocate_address()
                with _meanwhile(instance, "pending", 0):
                    self._hypervisor.start(instance.id, address)
                self._addresses[instance.id] = address
            proceed()
            if instance.id in self._public:
                instance.nics[0].public_ip = self._addresses[instance.id]
            return before

    def reboot(self, proceed: Callable[[], Any], instance: Any) -> Any:
        """Restart a box."""
        with self._busy[instance.id]:
            self._hypervisor.reboot(instance.id)
            return proceed()

    def terminate(self, proceed: Callable[[], Any], instance: Any) -> Any:
        """Shut a box down, unplug its disks, and drop it."""
        with self._busy[instance.id]:
            if instance.id in self._addresses:
                if instance.state == "running" and self.disks.of(instance.id):
                    self._hypervisor.stop(instance.id)  # an unmounted disk is a consistent one
                self.disks.unplug_all(instance.id)
                self._hypervisor.terminate(instance.id)
            previous = proceed()
            instance.nics[0].public_ip = None
            self._addresses.pop(instance.id, None)
            with self._rules_lock:
                self._rules.pop(instance.id, None)
            return previous

    def create_image(
        self, proceed: Callable[[], Any], backend: Any, instance_id: str, *_rest: Any, **_named: Any
    ) -> Any:
        """Keep a box's root disk; the image is pending until its bytes are kept, and nobody waits for that."""
        instance = backend.get_instance(instance_id)
        image = proceed()
        if instance.id in self._addresses:
            image.state = image.ebs_snapshot.status = "pending"
            held = threading.Event()
            copy = threading.Thread(target=self._keep, args=(image, instance.id, held))
            self._copies[image.id] = copy
            copy.start()
            held.wait()
        return image

    def _keep(self, image: Any, instance_id: str, held: threading.Event) -> None:
        with self._busy[instance_id]:
            held.set()
            try:
                self._hypervisor.create_image(image.id, instance_id)
            except Exception as error:  # noqa: BLE001 - whatever broke, the image says so
                image.state, image.ebs_snapshot.status = "failed", "error"
                image.state_reason = StateReason(str(error), "Client.InternalError")
            else:
                image.state, image.ebs_snapshot.status = "available", "completed"

    def deregister_image(self, proceed: Callable[[], Any], _: Any, ami_id: str) -> Any:
        """Drop an image's bytes once moto has let it go."""
        result = proceed()
        if copy := self._copies.pop(ami_id, None):
            copy.join()
            self._hypervisor.delete_image(ami_id)
        return result

    def powered_off(self, instance: Any) -> None:
        """Do what the instance was launched to do when its box switches itself off: stop, or terminate."""
        with self._busy[instance.id]:
            if instance.state != "running":
                return  # it went off because EC2 was told so
            if instance.instance_initiated_shutdown_behavior == "terminate":
                instance.terminate()
            else:
                instance.stop()
            code = "Client.InstanceInitiatedShutdown"
            instance.state_reason = StateReason(f"{code}: Instance initiated shutdown", code)
            instance._reason = "User initiated"  # noqa: SLF001 - EC2 gives no time here: cloud-custodian #6924

    def cores_busy(self, instance_id: str) -> float | None:
        """Return how many CPUs a box keeps busy at present; None where its machine room does not measure that."""
        when, cores = self._cores.get(instance_id, (0.0, 0.0))
        if when and time.monotonic() - when < PRESENT_SECONDS:
            return cores
        before, began = self._hypervisor.cpu_seconds(instance_id), time.monotonic()
        if before is None:
            return None
        time.sleep(MEASURE_SECONDS)
        after = self._hypervisor.cpu_seconds(instance_id)
        if after is None:
            return None
        cores = (after - before) / (time.monotonic() - began)
        self._cores[instance_id] = time.monotonic(), cores
        return cores

    def console(self, _: Callable[[], Any], response: Any) -> Any:
        """Return the end of what a box printed; nothing once it is gone."""
        response.error_on_dryrun()
        instance = response.ec2_backend.get_instance(parameter(response, "InstanceId"))
        text = self._hypervisor.console(instance.id) if instance.id in self._addresses else ""
        output = Base64EncodedString.from_raw_string(text[-CONSOLE_CHARACTERS:])
        return ActionResult({"InstanceId": instance.id, "Timestamp": clock.utcnow(), "Output": output})

    def then_sync_rules(self, proceed: Callable[[], Any], response: Any) -> Any:
        """Have every box let in what its groups say after a change of groups or of rules."""
        result = proceed()
        self._sync_rules(response.ec2_backend)
        return result

    def _sync_rules(self, backend: Any) -> None:
        with self._rules_lock:
            for instance in backend.all_instances():
                rules = ingress(instance)
                if self._rules.get(instance.id, rules) != rules:
                    self._hypervisor.set_rules(instance.id, rules)
                    self._rules[instance.id] = rules


@contextlib.contextmanager
def _meanwhile(instance: Any, name: str, code: int) -> Iterator[None]:
    """Have an instance be in a state on the way to another, and in the one before where it does not get there."""
    before = copy.copy(instance.instance_state)
    instance.instance_state.name, instance.instance_state.code = name, code
    try:
        yield
    except BaseException:
        instance.instance_state.name, instance.instance_state.code = before.name, before.code
        raise
