"""What is rendered for a host: what is declared of it, or what the machine says of itself."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, Any

from provision.bundle import rendered
from provision.model.errors import BadInput
from provision.model.platforms import AUTO, NO_GPU, gpus, images
from provision.model.project import HOSTS_FILE
from provision.model.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.bundle.step import Bundle
    from provision.catalogue.catalogue import Catalogue
    from provision.model.host import Host
    from provision.transport.session import Session


class Rendered:
    """Bundles, each rendered once for all hosts with an equal target."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # `of` holds it where it asks for the catalogue
        self._catalogue: Catalogue | None = None
        self._bundles: list[tuple[str, Target, Bundle]] = []

    @property
    def catalogue(self) -> Catalogue:
        """The recipes, which mostly nobody reads, and once for all hosts."""
        from provision.catalogue.catalogue import Catalogue  # noqa: PLC0415

        with self._lock:
            if self._catalogue is None:
                self._catalogue = Catalogue()
            return self._catalogue

    def of(self, recipe: str, target: Target) -> Bundle:
        """Return a recipe and all that it needs, for a target. Raises `BadInput`."""
        with self._lock:
            made = next((bundle for name, goal, bundle in self._bundles if (name, goal) == (recipe, target)), None)
            if made is None:
                made = rendered.bundle(recipe, target, lambda: self.catalogue)
                self._bundles.append((recipe, target, made))
            return made


def target_of(host: Host, session: Session) -> Target:
    """Return what to render for on `host`, which is asked for its GPU, and if it was only named its image, too.

    Raises `BadInput` when it shows no GPU whose compute capability is known, or some that need different builds.
    """
    declared = host.target
    if declared is not None and declared.gpu != AUTO:
        return declared
    from provision.tasks import cards  # noqa: PLC0415 - most hosts say what they have

    facts = session.facts()
    image = declared.image if declared else facts["os"]
    problems = [] if image in images() else [f"{host} runs {image}; recipes know {', '.join(images())}"]
    problems += _gpu_problems(facts, host)
    if problems:
        raise BadInput(problems)
    model, compute = cards.to_build_for(facts)
    if declared:
        return dataclasses.replace(declared, gpu=model, compute=compute)
    return Target(image=image, gpu=model, compute=compute, user=session.connection.user)


def look_at_gpu(session: Session, recipe: str, target: Target, rendered: Rendered) -> None:
    """Raise `BadInput` where the GPUs of a host, or their driver, are not what a recipe needs there.

    The host is asked only where it matters.
    """
    if target.gpu == NO_GPU:
        return
    from provision.catalogue import compatibility  # noqa: PLC0415 - for a card
    from provision.tasks import cards  # noqa: PLC0415

    if not compatibility.oldest_driver(rendered.catalogue, recipe):
        return
    facts = session.facts()
    driver = facts["gpus"][0][2] if facts["gpus"] else ""
    problems = compatibility.driver_problems(rendered.catalogue, recipe, target, driver)
    if problems := [*problems, *cards.problems(facts, target, str(session.host))]:
        raise BadInput(problems)


def _gpu_problems(facts: Mapping[str, Any], host: Host) -> list[str]:
    """Return why it cannot be told which GPU to build for, with what to declare instead."""
    from provision.tasks import cards  # noqa: PLC0415

    table = f'[host.box] with address = "{host.address}"'
    if kinds := cards.of_two_kinds(facts):
        what = (
            f"{host} has GPUs of different generations, and what is built for one does not run on the others: {kinds}"
        )
        hidden = f" (nvidia-smi does not show {cards.not_shown(facts)})" if cards.not_shown(facts) else ""
        return [f"{what}{hidden}; say in {HOSTS_FILE} which one is meant:", f"{table} and gpu = one of them"]
    stranger = cards.unknown(facts)
    if cards.found(facts) and not stranger:
        return []
    shows = f"a GPU that gpurig does not know, {stranger}" if stranger else "no GPU that gpurig knows"
    there = f" (on its PCI bus there is {cards.on_the_bus(facts)})" if facts["pci"] else ""
    silent = f"; nvidia-smi says: {facts['silent']}" if facts["silent"] else ""
    other = 'gpu = "NAME" and compute = "12.0", as developer.nvidia.com/cuda-gpus has it'
    return [
        f"{host} shows {shows}{there}{silent}; say in {HOSTS_FILE} what it has:",
        f"{table} and gpu = one of {', '.join([NO_GPU, *gpus()])}",
        f"or any other card by its name and its compute capability: {other}",
    ]
