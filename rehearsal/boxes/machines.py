"""The hypervisor: instances by id, their boxes, addresses and disks."""

# ruff: noqa: D102 - rehearsal.hypervisor says what each of the Hypervisor's calls does
from __future__ import annotations

import contextlib
import dataclasses
import secrets
import threading
from typing import TYPE_CHECKING, Any

from rehearsal.boxes import cache, debs, network, roots, seed, volumes
from rehearsal.boxes.box import Box, lay_out, remove_folder
from rehearsal.boxes.images import Images
from rehearsal.boxes.ledger import Ledger, alone, ledger_of
from rehearsal.boxes.metadata import MetadataService
from rehearsal.boxes.nspawn import Place
from rehearsal.boxes.releases import RELEASES
from rehearsal.boxes.volumes import Disk, Volumes, check_id
from rehearsal.errors import RehearsalError
from rehearsal.hypervisor import Hypervisor
from rehearsal.images import root_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rehearsal.boxes.roots import Root
    from rehearsal.hypervisor import InstanceSpec, Question, Reply, Rule


@dataclasses.dataclass
class _Instance:
    spec: InstanceSpec
    rules: tuple[Rule, ...]
    box: Box
    root: Root
    tree: Path


class Boxes(Hypervisor):
    """A machine room in the state folder `state`; `announce` gets one line before each thing that takes long.

    What a killed predecessor left is swept first. Raises RehearsalError if another process runs boxes in `state`,
    CannotBoot if no root file system can be had.
    """

    def __init__(self, state: Path, *, announce: Callable[[str], None]) -> None:
        self._state, self._announce = state.resolve(), announce
        self._powered_off: Callable[[str], None] = lambda _: None
        self._instances: dict[str, _Instance] = {}
        self._removers: list[threading.Thread] = []
        self._lock = threading.RLock()
        self._tag = f"gr{secrets.token_hex(3)}"
        with contextlib.ExitStack() as undo:
            undo.enter_context(alone(self._state))
            self._ledger = Ledger(ledger_of(self._state))
            self._ledger.give_back(RELEASES)
            undo.callback(self._ledger.give_back, RELEASES)
            self._roots = {roots.DEFAULT: roots.ensure(roots.DEFAULT, announce)}
            cache.prune()
            self._overlay = roots.overlay_works(self._state)
            self._network = network.Network(self._tag, self._ledger)
            self._volumes = Volumes(self._state)
            self._images = Images(self._state, self._ledger)
            self._undo = undo.pop_all()

    def facts(self) -> dict[str, Any]:
        return {
            "caller": self._network.caller,
            "caller_name": seed.CALLER_NAME,
            "subnet": self._network.subnet,
            "interface": self._network.link,
            "user": self._roots[roots.DEFAULT].user,
            "root": self._roots[roots.DEFAULT].name,
            "visitor": self.visitor_namespace(),
        }

    def visitor_namespace(self) -> str:
        """Return a network namespace whose traffic to the boxes does not come from the caller's address."""
        return self._network.visitor

    def watch(self, powered_off: Callable[[str], None]) -> None:
        self._powered_off = powered_off

    def serve_metadata(self, answer: Callable[[str, Question], Reply]) -> None:
        service = MetadataService(self._tag, self._instance_at, answer)
        self._undo.callback(service.close)

    def _instance_at(self, address: str) -> str | None:
        """Return the instance that sends from an address; boxes send from their public one unless they choose."""
        specs = [instance.spec for instance in list(self._instances.values())]
        by_public = [spec.instance_id for spec in specs if spec.public_ip == address]
        return next(iter([*by_public, *(spec.instance_id for spec in specs if spec.private_ip == address)]), None)

    def allocate_address(self) -> str:
        with self._lock:
            return self._network.allocate_address()

    def launch(self, spec: InstanceSpec) -> None:
        folder, root = self._state / "boxes" / check_id(spec.instance_id), self._root(spec.image_id)
        self._ledger.take("folder", str(folder))
        tree, mount = lay_out(folder, [*self._images.layers(spec.image_id), root.path], overlay=self._overlay)
        seed.write_instance(tree, spec, base=root.path, user=root.user, caller=self._network.caller)
        debs.lend(root.name, tree)
        place = Place(
            folder=folder,
            machine=f"{self._tag}-{spec.instance_id}",
            namespace=self._network.connect(spec.public_ip, spec.private_ip),
            mount=mount,
        )
        box = Box(place, self._ledger, lambda: self._went_off(spec.instance_id))
        self._instances[spec.instance_id] = instance = _Instance(spec, spec.rules, box, root, tree)
        try:
            self._power_on(instance)
        except RehearsalError:
            self.terminate(spec.instance_id)
            raise

    def stop(self, instance_id: str) -> None:
        instance = self._instance(instance_id)
        instance.box.stop()
        self._set_rules(instance)

    def start(self, instance_id: str, public_ip: str) -> None:
        instance = self._instance(instance_id)
        if public_ip != instance.spec.public_ip:
            self._network.disconnect(instance.spec.public_ip, instance.spec.private_ip)
            instance.box.move(self._network.connect(public_ip, instance.spec.private_ip))
            instance.spec = dataclasses.replace(instance.spec, public_ip=public_ip)
        self._power_on(instance)

    def reboot(self, instance_id: str) -> None:
        self._instance(instance_id).box.reboot()

    def kill(self, instance_id: str) -> None:
        """Cut an instance's power; `start` boots it again from what its disks hold."""
        instance = self._instance(instance_id)
        instance.box.kill()
        self._set_rules(instance)

    def terminate(self, instance_id: str) -> None:
        instance = self._instances.pop(instance_id, None)
        if instance is None:
            return
        instance.box.stop()
        for disk in list(instance.box.disks):
            self._unplug(instance.box, disk)
        self._network.disconnect(instance.spec.public_ip, instance.spec.private_ip)
        debs.collect(instance.root.name, instance.tree)
        # Some 9 GB that CUDA left take a slow disk minutes to forget: nobody who terminates an instance waits for that.
        remover = threading.Thread(target=self._remove, args=(self._state / "boxes" / instance_id,))
        remover.start()
        self._removers.append(remover)

    def _remove(self, folder: Path) -> None:
        remove_folder(folder)
        self._ledger.drop("folder", str(folder))

    def set_rules(self, instance_id: str, rules: tuple[Rule, ...]) -> None:
        instance = self._instance(instance_id)
        instance.rules = rules
        self._set_rules(instance)

    def console(self, instance_id: str) -> str:
        return self._instance(instance_id).box.console.read_bytes().decode(errors="replace").replace("\r\n", "\n")

    def cpu_seconds(self, instance_id: str) -> float | None:
        return self._instance(instance_id).box.cpu_seconds()

    def create_image(self, image_id: str, instance_id: str) -> None:
        instance = self._instance(instance_id)
        with instance.box.frozen():
            self._images.create(image_id, instance.root.name, self._state / "boxes" / instance_id)

    def delete_image(self, image_id: str) -> None:
        self._images.delete(image_id)

    def create_volume(self, volume_id: str, size_gib: int, snapshot_id: str | None) -> None:
        self._volumes.create(check_id(volume_id), size_gib, snapshot_id)

    def grow_volume(self, volume_id: str, size_gib: int) -> None:
        self._volumes.grow(volume_id, size_gib)

    def delete_volume(self, volume_id: str) -> None:
        self._volumes.delete(check_id(volume_id))

    def create_snapshot(self, snapshot_id: str, volume_id: str) -> None:
        self._volumes.snapshot(check_id(snapshot_id), volume_id)

    def delete_snapshot(self, snapshot_id: str) -> None:
        self._volumes.delete_snapshot(check_id(snapshot_id))

    def attach(self, instance_id: str, volume_id: str) -> None:
        image, box = self._volumes.image(volume_id), self._instance(instance_id).box
        with self._lock:
            if volumes.loop_devices(image):
                raise RehearsalError(f"{volume_id} is already attached: detach it first")
            self._ledger.take("loop", str(image))
            device = volumes.attach_loop(image)
        with box.lock:
            slot = next(number for number in range(1, 27) if number not in {disk.slot for disk in box.disks})
            box.plug(Disk(volume_id=volume_id, device=device, slot=slot))

    def detach(self, instance_id: str, volume_id: str) -> None:
        box = self._instance(instance_id).box
        disk = next((disk for disk in box.disks if disk.volume_id == volume_id), None)
        if disk is None:
            raise RehearsalError(f"{volume_id} is not attached to {instance_id}")
        self._unplug(box, disk)

    def close(self) -> None:
        with self._undo:
            for instance_id in list(self._instances):
                self.terminate(instance_id)
            for remover in self._removers:
                remover.join()

    def _power_on(self, instance: _Instance) -> None:
        instance.box.start()
        self._set_rules(instance)

    def _went_off(self, instance_id: str) -> None:
        if instance := self._instances.get(instance_id):  # one that failed to launch is gone already
            self._set_rules(instance)
            self._powered_off(instance_id)

    def _set_rules(self, instance: _Instance) -> None:
        """Let in what the security group says; nothing while the box is off, or the kernel would refuse in its name."""
        self._network.set_rules(instance.spec.public_ip, instance.rules if instance.box.running else ())

    def _unplug(self, box: Box, disk: Disk) -> None:
        volumes.wait_until_unused(disk.device)
        box.unplug(disk)
        image = self._volumes.image(disk.volume_id)
        volumes.release_loop(image)
        self._ledger.drop("loop", str(image))

    def _root(self, image_id: str) -> Root:
        name = self._images.root_name(image_id) or root_of(image_id)
        with self._lock:
            if name not in self._roots:
                self._roots[name] = roots.ensure(name, self._announce)
            return self._roots[name]

    def _instance(self, instance_id: str) -> _Instance:
        try:
            return self._instances[instance_id]
        except KeyError:
            raise RehearsalError(f"{instance_id} has no box in {self._state}") from None
